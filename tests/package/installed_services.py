# SPDX-License-Identifier: Apache-2.0
"""Cases of the services: doctor, the gateway at its address, an application."""
import json
import os
import re
import shutil

from machine import CERTIFICATE, DAEMONS, HERE, PASSWORD, apt, check, edit, equal, packages, read, run, wait_for, write
from pages import GATEWAY, REDIRECT, Browser, application, curl, gateway_is_ready


def everything_starts_and_doctor_says_what_is_left(machine):
    for name in DAEMONS:
        check(name in machine.units.running, name)
    found = {row["check"]: row for row in machine.doctor()}
    errors = {name for name, row in found.items() if row["result"] == "error"}
    check(errors <= {"gateway_role", "gateway_broker"} and "gateway_role" in errors, [found[name] for name in errors])
    check("role = authority" in found["gateway_role"]["advice"], found["gateway_role"])
    equal(found["gateway_certificate"]["result"], "warning")
    check(CERTIFICATE in found["gateway_certificate"]["advice"] and "reload" in found["gateway_certificate"]["advice"])
    equal(found["gateway_password"]["result"], "ok", "the gateway's unit wants the socket")
    wait_for(lambda: json.loads(run("hospictl", "--json", "status").stdout)["uptime_s"] > 0)  # what follows is after the start
    edit("/etc/hospiconnect/authd.conf", (r"^#role = standalone", "role = authority"))
    found = {row["check"]: row for row in machine.doctor()}
    for name, result in (("restart", "warning"), ("gateway_role", "error")):  # a file alone changes no broker
        equal((found[name]["result"], found[name]["advice"]), (result, "systemctl restart hospiconnect-authd"))
    machine.units.restart("hospiconnect-authd.service")
    wait_for(lambda: not [row for row in machine.doctor() if row["result"] == "error"])
    left = {row["check"] for row in machine.doctor() if row["result"] == "warning"}
    # the clock of a machine without network is nobody's business here
    equal(left - {"clock"}, {"gateway_certificate", "pam"})


def the_gateway_answers_on_the_loopback_alone(_machine):
    answer = json.loads(curl("https://localhost:8443/.well-known/openid-configuration").stdout)
    equal(answer["issuer"], "https://localhost:8443")
    listening = [line.split()[1] for line in read("/proc/net/tcp").splitlines()[1:] if line.split()[3] == "0A"]
    check("0100007F:20FB" in listening, listening)
    check(not [address for address in listening if not address.startswith("0100007F:")], "open to the network:", listening)
    facts = os.stat("/etc/hospiconnect/tls/gateway-key.pem")
    import grp  # pylint: disable=import-outside-toplevel
    equal((facts.st_uid, grp.getgrgid(facts.st_gid).gr_name, facts.st_mode & 0o777), (0, "hospiconnect-gateway", 0o640))
    facts = os.stat("/etc/hospiconnect/gateway.conf")
    equal((facts.st_uid, facts.st_mode & 0o777), (0, 0o644))
    # made a second time: nothing changes
    before = read(CERTIFICATE)
    run("hospiconnect-gateway", "--make-certificate")
    equal(read(CERTIFICATE), before)


def the_gateway_binds_a_low_port_and_keeps_no_capability(machine):
    conf = "/etc/hospiconnect/gateway.conf"
    kept = read(conf)
    edit(conf, (r"^listen = .*", "listen = 127.0.0.1:443"), (r"^issuer = .*", "issuer = https://localhost"))
    machine.units.restart("hospiconnect-gateway.service")
    equal(json.loads(curl("https://localhost/.well-known/openid-configuration").stdout)["issuer"], "https://localhost")
    status = dict(line.split(":", 1) for line in read(f"/proc/{machine.units.pid('hospiconnect-gateway.service')}/status").splitlines())
    import pwd  # pylint: disable=import-outside-toplevel
    uid = str(pwd.getpwnam("hospiconnect-gateway").pw_uid)
    equal(status["Uid"].split(), [uid] * 4)
    equal([int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")], [0, 0, 0, 0])
    equal(status["NoNewPrivs"].strip(), "1")
    broker = dict(line.split(":", 1) for line in read(f"/proc/{machine.units.pid('hospiconnect-authd.service')}/status").splitlines())
    equal([int(broker[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")], [0, 0, 0, 0])
    write(conf, kept)
    machine.units.restart("hospiconnect-gateway.service")


def an_application_signs_people_in(machine):
    app = application(REDIRECT, "Patient record")
    wait_for(gateway_is_ready)
    browser = Browser()
    browser.open(app("begin").strip())
    browser.send(username="martin", password="wrong")
    if "code" in browser.page and 'name="code"' in browser.page:
        browser.send(code="000000")
    equal(browser.location, "", "let in without the password")
    browser = Browser()
    browser.open(app("begin").strip())
    browser.send(username="martin", password=PASSWORD)
    browser.send(code=machine.code("martin"))
    check(browser.is_back, browser.page)
    person = json.loads(app("finish", browser.location))
    equal(person["id_token"]["iss"], GATEWAY, person)
    check("Martin" in json.dumps(person), person)
    app("refresh")


def follow(machine, name, says="", first=None):
    """Does what doctor proposes for that check, behind what no command does; it is content then."""
    row = next(row for row in machine.doctor() if row["check"] == name)
    check(row["result"] != "ok" and says in row["advice"], row)
    command = re.search(r"systemctl [a-z-]+(?: --now)? [a-z.-]*[a-z]|pam-auth-update --enable [a-z-]+", row["advice"])
    check(command, "no command in", row)
    print(f"    {name}: {command[0]}")
    if first:
        first()
    run(*command[0].split())
    wait_for(lambda: [row["result"] for row in machine.doctor() if row["check"] == name] in (["ok"], []))


def doctor_leads_through_the_first_hour(machine):
    """On a machine that has nothing of ours yet: each of its proposals is done, word by word."""
    apt("install", *packages("new", "hospiconnect-authd", "hospictl", "libpam-hospiconnect", "hospiconnect-gateway"))
    errors = {row["check"] for row in machine.doctor() if row["result"] == "error"}
    check(errors <= {"gateway_role", "gateway_broker"}, errors)
    follow(machine, "gateway_role", "role = authority",
           lambda: edit("/etc/hospiconnect/authd.conf", (r"^#role = standalone", "role = authority")))
    wait_for(gateway_is_ready)
    equal({row["check"] for row in machine.doctor() if row["result"] != "ok"} - {"clock"}, {"gateway_certificate", "pam", "persons"})

    # a certificate of an authority
    folder = os.path.dirname(CERTIFICATE)
    key = CERTIFICATE.replace("certificate", "key")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"]
    run(*made, "-subj", "/CN=An authority", "-keyout", "/tmp/ca.key", "-out", "/tmp/ca.pem")
    run(*made, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
        "-CA", "/tmp/ca.pem", "-CAkey", "/tmp/ca.key", "-keyout", folder + "/new.key", "-out", folder + "/new.pem")
    for new, old, mode in ((folder + "/new.pem", CERTIFICATE, 0o644), (folder + "/new.key", key, 0o640)):
        shutil.chown(new, "root", "hospiconnect-gateway")
        os.chmod(new, mode)
        os.rename(new, old)
    follow(machine, "gateway_certificate", key)
    wait_for(lambda: curl("--cacert", "/tmp/ca.pem", GATEWAY + "/.well-known/openid-configuration", ok=False).returncode == 0)

    # each service that is gone
    for unit, name in (("hospiconnect-authd.service", "broker"), ("hospiconnect-gateway.service", "gateway_answer")):
        run("systemctl", "stop", unit)
        follow(machine, name)
        check(unit in machine.units.running)
        wait_for(gateway_is_ready)
    run("systemctl", "stop", "hc-password.socket")
    follow(machine, "gateway_password")


def the_packages_own_test_passes(machine):
    """That of debian/tests, which autopkgtest runs."""
    apt("install", "oathtool")
    print("".join(f"    {line}\n" for line in run("bash", HERE + "/debian-tests/sign-in-over-ssh").stdout.splitlines()[-3:]), end="")
    machine.profiles()
