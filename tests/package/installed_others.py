# SPDX-License-Identifier: Apache-2.0
"""Cases of other modules beside ours: the keyring of a desktop, Kerberos, sss, faillock, volumes mounted at sign-in."""
import os
import shutil
import subprocess

from machine import HERE, PASSWORD, PIN, apt, check, equal, read, run, wait_for, write

STORE = "/home/durand/.local/share/keyrings/login.keyring"
SSS = "/usr/share/pam-configs/sss"
KEYRING = """
export HOME=/home/$LOGNAME XDG_RUNTIME_DIR=$RUNTIME
eval "$(gnome-keyring-daemon --start --components=secrets | sed 's/^/export /')"
for try in 1 2 3 4 5 6 7 8 9 10; do
	dbus-send --session --print-reply=literal --dest=org.freedesktop.secrets /org/freedesktop/secrets/collection/login \\
		org.freedesktop.DBus.Properties.Get string:org.freedesktop.Secret.Collection string:Locked && break
	sleep 0.2
done
"""


def keyring(login, found):
    """What to call while somebody's session is open: appends "open" or "locked" of the keyring of that name."""
    def look(environment):
        runtime = "/run/user-" + login
        os.makedirs(runtime, mode=0o700, exist_ok=True)
        shutil.chown(runtime, login, login)
        control = environment.get("GNOME_KEYRING_CONTROL", "")
        done = run("runuser", "-u", login, "--", "env", "-i", "PATH=/usr/bin:/bin", f"LOGNAME={login}", f"RUNTIME={runtime}",
                   f"GNOME_KEYRING_CONTROL={control}", "dbus-run-session", "--", "sh", "-c", KEYRING, ok=False)
        found.append("locked" if "true" in done.stdout else "open" if "false" in done.stdout else done.stdout + done.stderr)
    return look


def the_keyring_opens_with_the_password_and_stays_shut_behind_a_key(machine):
    """As a display manager has it: libpam-gnome-keyring takes what the stack left of the password."""
    apt("install", "gnome-keyring")
    machine.profiles("hospiconnect", "hospiconnect-otp")
    shutil.copy(f"{HERE}/pam.d/lightdm", "/etc/pam.d/")
    check("pam_gnome_keyring.so" in read("/etc/pam.d/lightdm"))
    machine.papers("durand")
    papers = list(machine.recovery)
    machine.recovery = []
    machine.keys.keys["a"].remove()
    found = []
    look = keyring("durand", found)
    for _ in range(2):  # the first makes it, the second, with another code, opens it
        outcome = machine.host("lightdm", "durand", "", PASSWORD, papers.pop(), during=look)  # at first Enter, without the key
        check(outcome.entered, outcome)
    check(os.path.exists(STORE), "no keyring was made:", found, machine.syslog[-12:])
    machine.keys.keys["a"].insert()
    outcome = machine.host("lightdm", "durand", PIN, during=look)
    check(outcome.entered and len(outcome.asked) == 1, outcome)
    equal(found, ["open", "open", "locked"])


def sss_is_right_together_and_apart(machine):
    """libpam-sss without a domain, as every Debian with realmd has it."""
    for removed in (False, True):
        if removed:
            shutil.move(SSS, "/tmp/sss")
            run("pam-auth-update", "--package", "--remove", "sss")
        for names in (("hospiconnect-otp",), ("hospiconnect", "hospiconnect-otp")):
            machine.profiles(*names)
            equal("pam_sss.so" in read("/etc/pam.d/common-auth"), not removed)
            check(not machine.host("login", "martin", PASSWORD).entered, names, removed)
            outcome = machine.host("login", "martin", PASSWORD, machine.paper())
            check(outcome.entered, names, removed, outcome)
            run("hospictl", "user", "disable", "martin")
            check(not machine.host("login", "martin", PASSWORD, machine.paper()).entered, names, removed)
            run("hospictl", "user", "enable", "martin")
            results, said = machine.judged()
            check("error" not in results, said)
    shutil.move("/tmp/sss", SSS)
    run("pam-auth-update", "--package")


KRB5 = """[libdefaults]
	default_realm = HOSPITAL.TEST
	dns_lookup_kdc = false
	rdns = false
[realms]
	HOSPITAL.TEST = {
		kdc = 127.0.0.1
	}
"""


def kerberos_is_a_password_among_others(machine):
    """libpam-krb5 with a real KDC: its password stands for that of /etc/shadow, the code is asked for all the same."""
    write("/etc/krb5.conf", KRB5)
    apt("install", "krb5-kdc", "krb5-admin-server", "libpam-krb5")
    run("kdb5_util", "create", "-s", "-r", "HOSPITAL.TEST", "-P", "the master's")
    run("kadmin.local", "addprinc", "-pw", "of the domain", "martin")
    kdc = subprocess.Popen(["krb5kdc", "-n"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        lines = machine.profiles()
        check("pam_krb5.so" in lines[0], lines)
        wait_for(lambda: machine.host("login", "martin", "of the domain").entered, 5)
        machine.profiles("hospiconnect-otp")
        check(not machine.host("login", "martin", "of the domain").entered, "a password alone let in")
        outcome = machine.host("login", "martin", "of the domain", machine.paper())
        check(outcome.entered, outcome)
        results, said = machine.judged()
        check("error" not in results, said)

        lines = machine.profiles("hospiconnect", "hospiconnect-otp")
        print("".join(f"    {line}\n" for line in lines), end="")
        check("pam_hospiconnect.so" in lines[0] and "pam_krb5.so" in lines[1], "who has a key is asked for a password first", lines)
        outcome = machine.host("login", "durand", PIN)
        check(outcome.entered and len(outcome.asked) == 1, outcome)
        check(not machine.host("login", "martin", "of the domain").entered, "a password alone let in")
        check(not machine.host("login", "martin", PASSWORD).entered, "a password alone let in")
        outcome = machine.host("login", "martin", "of the domain", machine.paper())
        check(outcome.entered, outcome)
        results, said = machine.judged()
        check("error" not in results, said)

        machine.profiles("hospiconnect")
        check(machine.host("login", "martin", "of the domain").entered, "a password alone, as before")
        results, said = machine.judged()
        check("error" in results and any("password alone" in text for text in said), said)
    finally:
        kdc.terminate()
        kdc.wait(10)
        apt("purge", "libpam-krb5", "krb5-kdc", "krb5-admin-server")


def volumes_are_mounted_behind_the_code(machine):
    """libpam-mount takes the password that the stack left, and asks for none where there is nothing to mount."""
    apt("install", "libpam-mount")
    for names in (("hospiconnect-otp",), ("hospiconnect", "hospiconnect-otp")):
        lines = machine.profiles(*names)
        check(lines.index(next(line for line in lines if "mode=second-factor" in line)) <
              lines.index(next(line for line in lines if "pam_mount.so" in line)), lines)
        check(not machine.host("login", "martin", PASSWORD).entered, "a password alone let in")
        outcome = machine.host("login", "martin", PASSWORD, machine.paper())
        check(outcome.entered, outcome)
    outcome = machine.host("login", "durand", PIN)
    check(outcome.entered, outcome)
    results, said = machine.judged()
    check("error" not in results, said)
    apt("purge", "libpam-mount")
