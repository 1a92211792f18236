# SPDX-License-Identifier: Apache-2.0
"""Cases of signing in at this machine: the stacks that pam-auth-update makes, the snippets, other modules beside ours."""
import glob
import os
import shutil

from machine import HERE, PASSWORD, PIN, check, equal, read, run, write


def before_a_profile_is_selected_nothing_has_changed(machine):
    for file in glob.glob("/etc/pam.d/*"):
        if os.path.basename(file) != "hospiconnect-password":
            check("hospiconnect" not in read(file), file)
    check(machine.host("login", "martin", PASSWORD).entered)
    equal([row["result"] for row in machine.doctor() if row["check"] == "pam"], ["warning"])


def the_code_profile_asks_behind_the_password(machine):
    machine.account("durand")
    lines = machine.profiles("hospiconnect-otp")
    check("pam_hospiconnect.so mode=second-factor" in lines[-1] or any("mode=second-factor" in line for line in lines[4:]), lines)
    entered, shown = machine.ssh("martin", PASSWORD)
    check(not entered, "a password alone let in")
    entered, shown = machine.ssh("durand", PASSWORD)
    check(not entered, "somebody who is not enrolled was let in", shown)
    entered, shown = machine.ssh("martin", "wrong", machine.paper())
    check(not entered, shown)
    entered, shown = machine.ssh("martin", PASSWORD, machine.code("martin"))
    check(entered, shown)
    entered, shown = machine.ssh("martin", PASSWORD, machine.paper())
    check(entered, shown)
    entered, shown = machine.ssh("martin", PASSWORD, "000000")
    check(not entered, shown)
    write("/etc/sudoers.d/martin", "martin ALL=(root) ALL\n")
    for answers, good in ((f"{PASSWORD}\n", False), (f"{PASSWORD}\nXXXX-XXXX-XXXX-XXXX\n", False),
                          (f"{PASSWORD}\n{machine.paper()}\n", True)):
        done = run("runuser", "-u", "martin", "--", "sudo", "-S", "-k", "id", "-un", text=answers, ok=False)
        equal(done.stdout == "root\n", good, done)
    for service in ("sshd", "sudo"):
        results, found = machine.judged(service)
        check("error" not in results, found)


def root_at_the_console_needs_nothing_of_ours(machine):
    run("chpasswd", text=f"root:{PASSWORD}\n")
    machine.units.stop("hospiconnect-authd.service")
    outcome = machine.host("login", "root", PASSWORD)
    check(outcome.entered, outcome)
    check(not machine.host("login", "root", "wrong").entered)
    check(not machine.host("login", "martin", PASSWORD, "000000").entered, "the broker is away")
    check(not machine.host("sshd", "root", PASSWORD, "000000", tty="ssh", rhost="192.0.2.7").entered, "root from the network")
    machine.units.start("hospiconnect-authd.service")


def both_profiles_take_a_key_or_password_and_code(machine):
    lines = machine.profiles("hospiconnect", "hospiconnect-otp")
    print("".join(f"    {line}\n" for line in lines), end="")
    check(lines[0].endswith("pam_hospiconnect.so methods=cps,fido2"), lines)
    machine.give_a_key()
    outcome = machine.host("login", "durand", PIN)
    check(outcome.entered and len(outcome.asked) == 1, outcome)
    check(machine.units.running["hc-fido2.socket"].count, "the helper runs in the broker's unit, which has no devices")
    check(not machine.host("login", "durand", "000000", PASSWORD, "000000").entered, "wrong PIN, password, no code")
    outcome = machine.host("login", "martin", PASSWORD, machine.paper())
    check(outcome.entered, outcome)
    check(not machine.host("login", "martin", PASSWORD).entered, "a password alone let in")
    check(machine.host("login", "root", PASSWORD).entered)
    run("hospictl", "user", "disable", "durand")
    check(not machine.host("login", "durand", PIN, PASSWORD, "000000").entered, "disabled, and let in")
    run("hospictl", "user", "enable", "durand")
    machine.keys.keys["a"].remove()
    check(not machine.host("login", "durand", PASSWORD, "000000").entered, "without his key")
    machine.keys.keys["a"].insert()
    for service in ("lightdm", "gdm-password"):  # as their packages have them
        shutil.copy(f"{HERE}/pam.d/{service}", "/etc/pam.d/")
        check(machine.host(service, "durand", PIN).entered, service)
        check(machine.host(service, "martin", PASSWORD, machine.paper()).entered, service)
        check(not machine.host(service, "martin", PASSWORD).entered, service)
    for service in ("login", "lightdm", "gdm-password", "sshd", "sudo"):
        results, found = machine.judged(service)
        check("ok" in results or service == "gdm-password", found)
        check("error" not in results, found)
        if service in ("sshd", "sudo"):
            equal(results, {"ok"}, found)
        if service == "login":  # whose pam_nologin stands first
            check(any("asks for the login" in text for text in found), found)


def the_account_is_asked_before_others_end_the_stack(machine):
    """pam_localuser of sss is sufficient: what stands behind it is not asked for people of this machine."""
    lines = read("/etc/pam.d/common-account")
    check(lines.index("pam_hospiconnect.so") < lines.index("pam_localuser.so"), lines)
    run("hospictl", "user", "disable", "martin")
    outcome = machine.host("cron" if os.path.exists("/etc/pam.d/cron") else "login", "martin", PASSWORD, machine.paper())
    check(not outcome.entered, outcome)
    run("hospictl", "user", "enable", "martin")


def the_key_profile_alone_is_no_second_factor_and_doctor_says_so(machine):
    machine.profiles("hospiconnect")
    check(machine.host("login", "durand", PIN).entered)
    check(machine.host("login", "martin", PASSWORD).entered, "a password alone, as before")
    results, found = machine.judged()
    check("error" in results, found)
    check(any("password alone" in text for text in found), found)


FAILLOCK = {"faillock": "Name: Count wrong passwords\nDefault: no\nPriority: 0\nAuth-Type: Primary\nAuth:\n\t[default=die]\tpam_faillock.so authfail\n",
            "faillock-notify": "Name: Refuse whoever is locked\nDefault: no\nPriority: 1024\nAuth-Type: Primary\nAuth:\n"
                               "\trequisite\tpam_faillock.so preauth\nAccount-Type: Primary\nAccount:\n\trequired\tpam_faillock.so\n"}


def faillock_counts_passwords_beside_us(machine):
    for name, text in FAILLOCK.items():
        write("/usr/share/pam-configs/" + name, text)
    lines = machine.profiles("hospiconnect", "hospiconnect-otp", "faillock", "faillock-notify")
    print("".join(f"    {line}\n" for line in lines), end="")
    run("faillock", "--user", "martin", "--reset")
    outcome = machine.host("login", "martin", PASSWORD, machine.paper())
    check(outcome.entered, outcome)
    check(machine.host("login", "durand", PIN).entered)
    for _ in range(3):
        check(not machine.host("login", "martin", "wrong").entered)
    check(not machine.host("login", "martin", PASSWORD, machine.paper()).entered, "locked by faillock, and let in")
    run("faillock", "--user", "martin", "--reset")
    check(machine.host("login", "martin", PASSWORD, machine.paper()).entered)
    check(not machine.host("login", "martin", PASSWORD).entered)
    results, found = machine.judged()
    check("error" not in results, found)
    machine.profiles()
    for name in FAILLOCK:
        os.unlink("/usr/share/pam-configs/" + name)


def the_examples_hold_for_one_service_each(machine):
    machine.profiles()
    run("faillock", "--user", "martin", "--reset")
    folder = "/usr/share/doc/libpam-hospiconnect/examples"
    for service in ("sshd", "sudo", "lightdm", "gdm-password"):
        own = f"/etc/pam.d/{service}"
        kept = read(own if os.path.exists(own) else f"{HERE}/pam.d/{service}")
        shutil.copy(f"{folder}/{service}", own)
        check(not machine.host(service, "martin", PASSWORD).entered, service, "a password alone let in")
        check(not machine.host(service, "martin", "wrong", machine.paper()).entered, service)
        outcome = machine.host(service, "martin", PASSWORD, machine.paper())
        check(outcome.entered, service, outcome)
        if service in ("lightdm", "gdm-password"):
            outcome = machine.host(service, "durand", PIN)
            check(outcome.entered and len(outcome.asked) == 1, service, outcome)
        if service in ("sudo", "lightdm"):
            check(machine.host(service, "root", PASSWORD).entered, service, "root at this machine")
        run("hospictl", "user", "disable", "martin")
        check(not machine.host(service, "martin", PASSWORD, machine.paper()).entered, service)
        run("hospictl", "user", "enable", "martin")
        results, found = machine.judged(service)
        check("error" not in results, service, found)
        write(own, kept)
