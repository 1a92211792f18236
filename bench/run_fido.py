#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Security keys: HospiConnect beside pam-u2f on the same keys made of software, in one run.

usage: run_fido.py BUILD_DIR [--count 200] [--enrolments 20] [--waits 40] [--peers DIR] [--json FILE]

Needs root (a private mount namespace with its own /dev/log, /etc and accounts) and the packages libpam-u2f and pamu2fcfg,
installed or unpacked below DIR (dpkg -x). Prints Markdown tables. CPU is that of all processes that take part but the
keys'; both sides have the library preloaded that shows the keys, hc-fido2 at each start. A round trip is a message of the
CTAPHID level to a key and its answer. Three tables: whole sign-ins with keys that answer and are touched at once;
enrolments, from the start of the program to its end; what a person waits for: from the start of a sign-in to the question,
from a key that is plugged in late to the question, from the touch to the verdict.
"""
import argparse
import json
import os
import pwd
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "integration"), HERE]
import run_pam  # noqa: E402

PIN, USER, RP = "123456", "u0000000", "login.example.org"
ORIGIN = "pam://bench"
U2F_OPTIONS = f"authpending_file= origin={ORIGIN} appid={ORIGIN} authfile={{dir}}/{{map}}"
ROUNDS = 10
# The work of the same name on both sides: pam-u2f's options and mapping file, ours, the keys that are plugged in.
CASES = {
    "PIN and touch": ("pinverification=1", "pin", "primary", ("a",)),
    "touch alone": ("", "touch", "second-factor", ("a",)),
    "PIN and touch, a foreign key beside": ("pinverification=1", "pin", "primary", ("0", "a")),
    "PIN and touch, nobody named": (None, "", "primary", ("d",)),
}


def run(*command, **how):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    if done.returncode != 0:
        sys.exit(f"run_fido.py: {' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def own_etc(directory):
    """An /etc of this namespace: the person of the loop, and what shows the keys to programs with an empty environment."""
    layers = f"{directory}/layers"
    os.mkdir(layers)
    run("mount", "-t", "tmpfs", "tmpfs", layers)  # an overlay on an overlay is refused
    os.mkdir(layers + "/upper")
    os.mkdir(layers + "/work")
    run("mount", "-t", "overlay", "-o", f"lowerdir=/etc,upperdir={layers}/upper,workdir={layers}/work", "bench", "/etc")
    try:
        pwd.getpwnam(USER)
    except KeyError:
        with open("/etc/passwd", "a", encoding="utf-8") as file:
            file.write(f"{USER}:x:61234:61234::/:/bin/false\n")


class Bench:
    """Keys, broker and PAM services, in one folder."""

    def __init__(self, build, directory, peers):
        os.environ["HC_BUILD_DIR"] = build
        import keys  # pylint: disable=import-outside-toplevel
        self.build, self.dir, self.peers = build, directory, peers
        os.mkdir(f"{directory}/keys")
        os.mkdir(f"{directory}/pam.d")
        self.keys = keys.Keys(f"{directory}/keys")
        self.keys.everywhere()
        self.model = keys.Model(directory)  # pamu2fcfg wants a certificate, and the broker one that is in form
        self.clock, self.log = f"{directory}/clock", f"{directory}/authd.log"
        self.broker = None

    def plug(self, name, *options):
        return self.keys.plug(name, "--mode", "0666", "--pin", PIN, *self.model.options, *options)

    def only(self, names):
        for key in self.keys.keys.values():
            if (key.name in names) != bool(key.status()["inserted"]):
                (key.insert if key.name in names else key.remove)()

    def stop(self):
        self.keys.stop()
        if self.broker:
            self.broker.terminate()
            self.broker.wait(10)

    def start_broker(self):
        with open(self.clock, "wb") as file:
            file.write(bytes(8))
        with open(f"{self.dir}/authd.conf", "w", encoding="ascii") as file:
            file.write(f"[authd]\nrole = standalone\nuser = root\nlanguage = en\nlog_level = warning\n"
                       f"state_dir = {self.dir}/state\nsocket = {self.dir}/auth.sock\n"
                       f"admin_socket = {self.dir}/admin.sock\nhelper_dir = {self.build}/libexec\n"
                       f"[policy]\nnameless_services = nameless\n[fido2]\nrp_id = {RP}\npin_min = 4\n")
        os.mkdir(f"{self.dir}/state", 0o700)
        with open(self.log, "wb") as log:
            self.broker = subprocess.Popen([f"{self.build}/bin/hospiconnect-authd", "--config", f"{self.dir}/authd.conf"],
                                           stderr=log)
        end = time.monotonic() + 10
        while not os.path.exists(f"{self.dir}/admin.sock"):
            if self.broker.poll() is not None or time.monotonic() > end:
                sys.exit("run_fido.py: authd did not start:\n" + self.text())
            time.sleep(0.01)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ctl(self, *arguments, answer=""):
        return run(f"{self.build}/bin/hospictl", "--socket", f"{self.dir}/admin.sock", *arguments, input=answer)

    # -- enrolments

    def enroll_theirs(self, *options):
        return run(f"{self.peers}/usr/bin/pamu2fcfg", "-u", USER, "-o", ORIGIN, "-i", ORIGIN, *options,
                   input=PIN + "\n", start_new_session=True)

    def mapping(self, name, *options):
        line = self.enroll_theirs(*options)
        with open(f"{self.dir}/{name}", "w", encoding="ascii") as file:
            file.write(USER + ":" + line.split(USER + ":", 1)[1].strip() + "\n")

    def children(self, pid, name):
        """The children of that name, if only to be reaped."""
        found = []
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        for child in children:
            try:
                with open(f"/proc/{child}/comm", encoding="ascii") as file:
                    if file.read().startswith(name):
                        found.append(int(child))
            except OSError:
                pass  # it has gone
        return found

    def starters(self):
        """The process beside the broker that starts its helpers."""
        return self.children(self.broker.pid, "hc-starter")

    def helpers(self):
        return any(self.children(starter, "hc-fido2") for starter in self.starters())

    def spent(self):
        """CPU seconds of what ran and ended below this process, and of the broker with its helpers, once they have ended."""
        end = time.monotonic() + 5
        while self.helpers():
            if time.monotonic() > end:
                sys.exit("run_fido.py: a helper does not end")
            time.sleep(0.001)
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = own.ru_utime + own.ru_stime
        for pid in [self.broker.pid, *self.starters()]:
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
                spent += int(file.read().split()[0]) / 1e9
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            spent += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
        return spent

    def trips(self):
        counted = [key.counters() for key in self.keys.keys.values()]
        return {name: sum(one[name] for one in counted) for name in counted[0]}

    def measure_enrolments(self, count, modules):
        """modules: what each does for its n-th enrolment."""
        found = {module: {"times": [], "cpu": 0.0, "trips": {}} for module in modules}
        for module in modules:
            self.plug("e-" + module, "--uv-for-all")  # no credential without the PIN, as old keys have it
        for i in range(count):
            for module, enroll in modules.items():
                self.only(("e-" + module,))
                cpu, before, began = self.spent(), self.trips(), time.monotonic()
                enroll(i)
                found[module]["times"].append((time.monotonic() - began) * 1e3)
                found[module]["cpu"] += self.spent() - cpu
                found[module]["trips"] = trips_each(before, self.trips(), 1)
        rows = []
        for module, of in found.items():
            times = sorted(of["times"])
            rows.append({"case": "enrolment with PIN", "module": module, "count": count, "passed": count,
                         "cpu_ms": of["cpu"] * 1e3 / count, "wall_ms": sum(times) / count, "p50_ms": times[count // 2],
                         "p99_ms": times[count * 99 // 100], **of["trips"]})
        return rows

    # -- sign-ins

    def write_services(self):
        lib = self.peers + run_pam.LIB
        for number, (options, mapping, mode, _) in enumerate(CASES.values()):
            lines = {f"hospiconnect-{number}": f"{self.build}/lib/security/pam_hospiconnect.so mode={mode} methods=fido2 "
                                               f"socket={self.dir}/auth.sock"}
            if options is not None:
                lines[f"pam_u2f-{number}"] = f"{lib}/pam_u2f.so cue {options} " + U2F_OPTIONS.format(dir=self.dir, map=mapping)
            else:
                lines["nameless"] = lines.pop(f"hospiconnect-{number}")
            for service, line in lines.items():
                with open(f"{self.dir}/pam.d/{service}", "w", encoding="ascii") as file:
                    file.write(f"auth required {line}\n")

    def command(self, service, count):
        command = [f"{self.build}/bench/pam_loop", f"{self.dir}/pam.d", service, "0" if service == "nameless" else "1",
                   str(count), "pin:" + PIN]
        return command + ([] if service.startswith("pam_u2f") else [str(self.broker.pid), self.clock])

    def sign_in(self, case, module, count):
        """One loop: what it says, and what it cost at the keys."""
        service = "nameless" if CASES[case][0] is None else f"{module}-{list(CASES).index(case)}"
        self.only(CASES[case][3])
        before = self.trips()
        done = subprocess.run(self.command(service, count), capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            print(f"run_fido.py: {service}: {done.stderr}{self.text()}", file=sys.stderr)
        if not done.stdout.startswith("{"):
            sys.exit(1)
        # The loop signs in once more than it measures.
        return {**json.loads(done.stdout), "case": case, "module": module, **trips_each(before, self.trips(), count + 1)}

    def measure_signins(self, case, modules, count):
        """By turns, so that what else the machine does meets both sides."""
        rounds = {module: [] for module in modules}
        for _ in range(ROUNDS):
            for module in modules:
                rounds[module].append(self.sign_in(case, module, count // ROUNDS))
        return [merged(of) for of in rounds.values()]

    def measure_first(self, case, modules, count):
        """Each sign-in in a process of its own, as login, sudo and greeters have it: CPU is that of this process, too."""
        rounds = {module: [] for module in modules}
        self.only(CASES[case][3])
        for _ in range(count):
            for module in modules:
                cpu, before = self.spent(), self.trips()
                loop = Driver(self, f"{module}-{list(CASES).index(case)}", 1)
                loop.go()
                told = loop.end()
                rounds[module].append({**told, "case": case + ", each in a new process", "module": module,
                                       "cpu_ms": (self.spent() - cpu) * 1e3, **trips_each(before, self.trips(), 1)})
        return [{**merged(of), "p99_ms": of_all(of, "p50_ms")[count * 99 // 100]} for of in rounds.values()]


def of_all(rounds, name):
    return sorted(one[name] for one in rounds)


def merged(rounds):
    """Sums and means over the rounds; of p50 and p99 the median."""
    count = len(rounds)
    return {**rounds[0], "count": sum(of_all(rounds, "count")), "passed": sum(of_all(rounds, "passed")),
            **{name: sum(of_all(rounds, name)) / count for name in ("cpu_ms", "wall_ms", "trips")},
            **{name: of_all(rounds, name)[count // 2] for name in ("p50_ms", "p99_ms")}}


def trips_each(before, after, count):
    each = {name: (after[name] - before[name]) / count for name in before}
    return {"trips": each["inits"] + each["messages"] + each["pings"] + each["winks"],
            "trips_of": {name: value for name, value in each.items() if value}}


class Driver:
    """A loop that signs in when it is told to, and the hand at its key."""

    def __init__(self, bench, service, count):
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(bench.command(service, count), pass_fds=(theirs.fileno(),), stdout=subprocess.PIPE,
                                        env={**os.environ, "PAM_LOOP_EVENTS": str(theirs.fileno())})
        theirs.close()
        self.socket, self.lines = ours, ours.makefile("r", encoding="ascii")

    def go(self):
        self.socket.sendall(b"g")
        return self.until("s")

    def until(self, what):
        for line in self.lines:
            if line[0] in what:
                return float(line[2:])
        sys.exit(f"run_fido.py: the loop ended with {self.process.wait()}")

    def end(self):
        told = json.loads(self.process.stdout.read())
        self.process.stdout.close()
        self.lines.close()
        self.socket.close()
        if self.process.wait(20) != 0:
            sys.exit("run_fido.py: a sign-in by hand was refused")
        return told


def quantiles(name, module, values):
    values = sorted(values)
    return {"wait": name, "module": module, "count": len(values), "p50_ms": values[len(values) // 2] * 1e3,
            "p99_ms": values[len(values) * 99 // 100] * 1e3, "max_ms": values[-1] * 1e3}


def measure_waits(bench, count):
    """PIN and touch, one sign-in at a time, with a person's hand at the key."""
    rows = []
    key = bench.plug("a", "--touch", "manual")
    bench.only(("a",))
    for module in ("pam_u2f", "hospiconnect"):
        driver, question, verdict = Driver(bench, module + "-0", count), [], []
        for _ in range(count):
            began = driver.go()
            question.append(driver.until("q") - began)
            key.await_touch()
            touched = time.monotonic()
            key.touch()
            verdict.append(driver.until("e") - touched)
        driver.end()
        rows += [quantiles("from the start to the question", module, question),
                 quantiles("from the touch to the verdict", module, verdict)]
    driver, late, chance = Driver(bench, "hospiconnect-0", count), [], random.Random(7)
    for number in range(count):
        key.remove()
        driver.go()
        driver.until("m")  # that a key is to be plugged in
        time.sleep(0.2 + 0.2 * chance.random())
        plugged = time.monotonic()
        key.insert()
        with open(f"/dev/hidraw{number}", "wb"):
            pass  # as the kernel does; who is told of it looks
        late.append(driver.until("q") - plugged)
        key.await_touch()
        key.touch()
        driver.until("e")
    driver.end()
    return rows + [quantiles("from a key plugged in late to the question", "hospiconnect", late)]


def measure_enrolments(bench, count):
    people = [f"v{i:07d}" for i in range(count)]
    for person in people:
        bench.ctl("user", "add", person)
    return bench.measure_enrolments(count, {
        "pamu2fcfg": lambda i: bench.enroll_theirs("-N"),
        "hospictl": lambda i: bench.ctl("enroll", "fido2", people[i], answer=PIN + "\n")})


def measure(bench, args):
    bench.start_broker()
    for person, name, options in ((USER, "a", ()), ("u0000001", "d", ("--discoverable",))):
        bench.plug(name)
        bench.only((name,))
        bench.ctl("user", "add", person)
        bench.ctl("enroll", "fido2", person, *options, answer=PIN + "\n")
    bench.plug("0")
    bench.only(("a",))
    bench.mapping("pin", "-N")
    bench.mapping("touch")
    bench.write_services()
    rows = []
    for case, (options, *_) in CASES.items():
        rows += bench.measure_signins(case, ("pam_u2f", "hospiconnect") if options is not None else ("hospiconnect",), args.count)
    rows += bench.measure_first("PIN and touch", ("pam_u2f", "hospiconnect"), args.waits)
    return rows, measure_enrolments(bench, args.enrolments), measure_waits(bench, args.waits)


def table(rows):
    out = ["| work | program | passed | CPU ms | wall ms | p50 ms | p99 ms | round trips | CPU, the peer = 1 | p50 over the peer's, ms |",
           "|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        # Nobody else signs in without a name: beside the same with one.
        peer = next((one for one in rows if one["case"] == row["case"] and one["module"].startswith("pam")), rows[0])
        out.append(f"| {row['case']} | {row['module']} | {row['passed']} of {row['count']} | {row['cpu_ms']:.3f} "
                   f"| {row['wall_ms']:.3f} | {row['p50_ms']:.3f} | {row['p99_ms']:.3f} | {row['trips']:g} "
                   f"| {row['cpu_ms'] / peer['cpu_ms']:.2f} | {row['p50_ms'] - peer['p50_ms']:+.2f} |")
    return "\n".join(out)


def waits_table(rows):
    out = ["| what is waited for | module | count | p50 ms | p99 ms | max ms |", "|---|---|---|---|---|---|"]
    out += [f"| {row['wait']} | {row['module']} | {row['count']} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} "
            f"| {row['max_ms']:.2f} |" for row in rows]
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--enrolments", type=int, default=20)
    parser.add_argument("--waits", type=int, default=40)
    parser.add_argument("--peers", default="", metavar="DIR")
    parser.add_argument("--json")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("run_fido.py: needs root, for a private mount namespace")
    if os.environ.get("HC_BENCH_NAMESPACE") != "1":
        os.environ["HC_BENCH_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, "-B", *sys.argv])
    for need in (f"{args.peers}{run_pam.LIB}/pam_u2f.so", f"{args.peers}/usr/bin/pamu2fcfg"):
        if not os.path.exists(need):
            sys.exit(f"run_fido.py: {need} is missing; apt-get install libpam-u2f pamu2fcfg, or --peers")
    run_pam.private_dev_log()
    with tempfile.TemporaryDirectory(prefix="hcbench-fido-") as directory:
        os.chmod(directory, 0o755)
        own_etc(directory)
        bench = Bench(os.path.abspath(args.build), directory, args.peers)
        try:
            signins, enrolments, waits = measure(bench, args)
        finally:
            bench.stop()
            run("umount", "/etc")
            run("umount", f"{directory}/layers")
    print(table(signins), "", table(enrolments), "", waits_table(waits), sep="\n")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"sign-ins": signins, "enrolments": enrolments, "waits": waits}, file, indent=1)


if __name__ == "__main__":
    main()
