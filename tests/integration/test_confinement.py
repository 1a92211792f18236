#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: every process of ours is confined before anybody can say a word to it.
 * broker, resolver, starter, gateway with all of its threads, hc-password; hc-fido2, hc-pkcs11 and hc-ocsp with a link on
   which nothing was sent: a filter of system calls, nothing gained by exec, no capability, no core file
 * their memory is closed to whoever is the same user, and nobody of that user may trace them; secrets are locked
 * broker and gateway: no connection is accepted, and nothing received, before the filter is there (strace)
 * a person signs in all the same, at the machine and in a browser
"""
import ctypes
import os
import re
import shutil
import subprocess

import gateway
import rig
from broker import children
from browser import Browser
from device_link import Link
from rig import WORK, check, equal, wait_until

TRACE = WORK + "/trace"
PTRACE_ATTACH = 16
HELPERS = ("hc-fido2", "hc-pkcs11", "hc-ocsp")
FILTER = r"(?:seccomp\(SECCOMP_SET_MODE_FILTER|prctl\(PR_SET_SECCOMP, SECCOMP_MODE_FILTER).*= 0$"
HEARD = r"\b(?:accept4?|recvmsg|recvfrom|recvmmsg)\("


def setup(machine):
    gateway.install(machine)
    shutil.copy2(os.path.join(rig.PROGRAMS, "libexec/hc-ocsp"), WORK + "/bin/")
    machine.links = {name: Link([f"{WORK}/bin/{name}"], uid=rig.BROKER_UID, env={}, user=rig.BROKER_UID, group=rig.BROKER_UID,
                                extra_groups=[]) for name in HELPERS}


def daemons(machine):
    """{name: pid} of what runs as long as the machine does."""
    broker = machine.broker
    found = {"hospiconnect-authd": broker.process.pid, "hospiconnect-gateway": machine.gateway.process.pid,
             "hc-password": machine.helper.pid, **broker.sides()}
    check({"hc-resolver", "hc-starter"} <= set(found), "beside the broker:", found)
    return found


def helpers(machine):
    return {name: link.process.pid for name, link in machine.links.items()}


def everybody(machine):
    return {**daemons(machine), **helpers(machine)}


def status(pid, task=None):
    path = f"/proc/{pid}/status" if task is None else f"/proc/{pid}/task/{task}/status"
    with open(path, encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":", 1) for line in file)


def number(pid, name, base=10):
    return int(status(pid)[name].split()[0], base)


def every_thread_has_a_filter_and_gains_nothing(machine):
    wait_until(lambda: all(number(pid, "Seccomp") == 2 for pid in helpers(machine).values()), "the helpers are confined")
    for name, pid in everybody(machine).items():
        for task in os.listdir(f"/proc/{pid}/task"):
            fields = status(pid, task)
            equal((fields["Seccomp"].strip(), fields["NoNewPrivs"].strip()), ("2", "1"), name, "thread", task)
    check(len(os.listdir(f"/proc/{machine.gateway.process.pid}/task")) > 2, "the gateway has threads")


def nobody_but_the_one_root_process_has_a_capability(machine):
    for name, pid in everybody(machine).items():
        if name == "hc-password":
            continue  # it reads the shadow file; its unit leaves it one
        for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            equal(number(pid, which, 16), 0, name, which)
        check(number(pid, "Uid") != 0, name, "is not root")


def there_is_no_core_and_the_memory_is_closed(machine):
    for name, pid in everybody(machine).items():
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limits = file.read()
        equal(re.search(r"^Max core file size +(\d+) +(\d+)", limits, re.M).groups(), ("0", "0"), name)
        # The files of a process that may not be dumped belong to root, whoever it is.
        equal(os.stat(f"/proc/{pid}/mem").st_uid, 0, name)
        equal(os.stat(f"/proc/{pid}/environ").st_uid, 0, name)


def seal_keys_are_locked_in_memory(machine):
    for name in ("hospiconnect-authd", "hospiconnect-gateway"):
        check(number(daemons(machine)[name], "VmLck") > 0, name, "has locked nothing")


def as_same_user(uid, attempt):
    """The errno of what a process of that user tries; 0 where it works."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os._exit(attempt())
        except OSError as error:
            os._exit(error.errno)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def the_same_user_may_neither_trace_nor_read(machine):
    library = ctypes.CDLL(None, use_errno=True)

    def attach(pid):
        return 0 if library.ptrace(PTRACE_ATTACH, pid, None, None) == 0 else ctypes.get_errno()

    def read(pid):
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
        return 0

    own = subprocess.Popen(["sleep", "60"], user=rig.BROKER_UID, group=rig.BROKER_UID, extra_groups=[])
    equal(as_same_user(rig.BROKER_UID, lambda: attach(own.pid)), 0, "a process of no interest can be traced here")
    own.kill()
    own.wait()
    for name, pid in everybody(machine).items():
        uid = number(pid, "Uid")
        if uid == 0:
            continue
        equal(as_same_user(uid, lambda pid=pid: attach(pid)), 1, name, "EPERM")
        equal(as_same_user(uid, lambda pid=pid: read(pid)), 13, name, "EACCES")


def a_person_signs_in_all_the_same(machine):
    app = gateway.register(machine, "Application")
    login, token = machine.people.next()
    code, shown = machine.pam(login, token.next())
    equal(code, "PAM_SUCCESS", shown)
    reply = gateway.walk(Browser(machine.gateway.site), app.authorize_url(), login, token.next)
    check(app.tokens(reply)["claims"]["amr"], "a token")


# ---- what was heard before --------------------------------------------------------------------

def traced(*more):
    return ("strace", "-f", "-o", TRACE, "-e", "trace=seccomp,prctl,socketpair,accept,accept4,recvmsg,recvfrom,recvmmsg", *more)


def lines():
    """[(pid, call)] as strace saw them begin; what was interrupted there counts where it began."""
    with open(TRACE, encoding="utf-8", errors="replace") as file:
        return [(int(pid), call) for pid, call in (line.rstrip("\n").split(None, 1) for line in file)]


def confined_before_heard(pid, name):
    """The process' filter stands before whatever it accepted or received, and it has accepted something."""
    calls = lines()
    filters = [at for at, (one, call) in enumerate(calls) if one == pid and re.search(FILTER, call)]
    check(filters, name, "has no filter:", calls[:20])
    heard = [(at, call) for at, (one, call) in enumerate(calls) if one == pid and re.search(HEARD, call) and "= -1" not in call]
    early = [call for at, call in heard if at < filters[0]]
    # What it has forked says on a pair of its own that it holds nothing of it.
    pairs = {end for one, call in calls[:filters[0]] if one == pid
             for ends in re.findall(r"^socketpair\(.*\[(\d+), (\d+)\]\) = 0", call) for end in ends}
    early = [call for call in early if re.match(r"\w+\((\d+)", call).group(1) not in pairs]
    check(not early, name, "heard before it was confined:", early)
    check(any(re.search(r"\baccept4?\(", call) for _, call in calls[filters[0]:]), name, "was heard at all")


def traced_pid(process):
    return next(pid for pid, name in children(process.pid) if name.startswith("hospiconnect"))


def the_broker_hears_nobody_before_its_filter(machine):
    machine.gateway.stop()
    machine.broker.stop()
    machine.broker.start(through=traced())
    pid = traced_pid(machine.broker.process)
    machine.ctl("status")
    os.kill(pid, 15)
    machine.broker.process.wait(10)
    machine.broker.process = None
    confined_before_heard(pid, "hospiconnect-authd")


def the_gateway_hears_nobody_before_its_filter(machine):
    machine.broker.start()
    machine.gateway.start(through=traced())
    pid = traced_pid(machine.gateway.process)
    check(machine.gateway.metadata["issuer"], "it serves")
    os.kill(pid, 15)
    machine.gateway.process.wait(20)
    machine.gateway.process = None
    confined_before_heard(pid, "hospiconnect-gateway")


def the_helpers_end_with_their_links(machine):
    for name, link in machine.links.items():
        check(link.hang_up(5) >= 0, name)


rig.run([every_thread_has_a_filter_and_gains_nothing, nobody_but_the_one_root_process_has_a_capability,
         there_is_no_core_and_the_memory_is_closed, seal_keys_are_locked_in_memory,
         the_same_user_may_neither_trace_nor_read, a_person_signs_in_all_the_same, the_helpers_end_with_their_links,
         the_broker_hears_nobody_before_its_filter, the_gateway_hears_nobody_before_its_filter], setup=setup)
