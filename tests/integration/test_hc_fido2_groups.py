#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: hc-fido2 finds the credential of a person who has some for several relying parties, and a person who has them
for one pays nothing for it.
 * which of the parties the key has one for is found without touch or PIN; it says for which it answered
 * what a sign-in costs at the key, by messages: one party as ever, another party one question more
 * keys with a list, old ones, and those that find a credential without being told
"""
import sys

import device_link as link
from device_link import ASK, DONE, FAILED, WAIT
from test_hc_fido2 import RP, attempts, equal, main

PAM = "pam://machine.example.org"
OTHER = "pam://elsewhere.example.org"


class Unknown:
    def __init__(self, number):
        self.id = bytes([number]) * 64


def ask(rig, one, first, *further, **how):
    """first: the credentials for RP; further: (relying party, credentials)."""
    rig.ask(one, first, groups=link.groups([(rp, [made.id for made in ids]) for rp, ids in further]), **how)


def cost(key, rig, first, *further):
    """Messages to the key of one sign-in with PIN, as they are counted there."""
    before = key.counters()["messages"]
    with rig.open() as one:
        ask(rig, one, first, *further)
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        done = one.expect(DONE)
    return done, key.counters()["messages"] - before


def a_key_is_asked_no_more_than_its_sign_in_needs(rig):
    """pam_u2f sends five messages with a PIN, and three without; one more is what we allow ourselves."""
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key)
    most = {"infos": 1, "assertions": 2, "silent_assertions": 1, "pin_retries_asked": 1, "key_agreements": 1,
            "pin_attempts": 1, "touches_asked": 1}
    rows = (("PIN", [made], link.UV | link.UP, {**most, "messages": 6}),
            ("PIN, of two", [Unknown(1), made], link.UV | link.UP,
             {**most, "assertions": 3, "silent_assertions": 2, "messages": 7}),
            ("PIN, of three", [Unknown(1), Unknown(2), made], link.UV | link.UP, {**most, "infos": 2, "messages": 7}),
            ("touch", [made], link.UP, {"infos": 2, "assertions": 2, "silent_assertions": 1, "touches_asked": 1, "messages": 4}))
    for name, credentials, flags, expected in rows:
        before = key.counters()
        with rig.open() as one:
            rig.ask(one, credentials, flags=flags)
            if flags & link.UV:
                one.expect(ASK, device_ask=link.PIN)
                one.answer(b"1234")
            rig.verify(one.expect(DONE), made, 5 if flags & link.UV else 1)
        after = key.counters()
        equal({count: after[count] - before[count] for count in expected}, expected, name)


def a_key_that_has_none_for_any_of_them_is_asked_nothing(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    rig.make(key)
    with rig.open() as one:
        ask(rig, one, [Unknown(1)], (PAM, [Unknown(2)]), (OTHER, [Unknown(3)]), flags=link.UV | link.UP | link.PRESENT)
        one.expect(FAILED, reason="KEY_NOT_REGISTERED")
    attempts(key, 1)
    equal(key.counters()["touches_asked"], 1, "that of its enrolment")


def a_credential_of_another_party_is_not_taken_for_one_of_this(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    made = rig.make(key, rp=PAM)
    with rig.open() as one:
        ask(rig, one, [made], (OTHER, [made]), flags=link.UV | link.UP | link.PRESENT)
        one.expect(FAILED, reason="KEY_NOT_REGISTERED")


def each_party_is_found_and_one_alone_costs_what_it_cost(rig):
    key = rig.keys.plug("a", "--pin", "1234")
    ours, theirs = rig.make(key), rig.make(key, rp=PAM, handle=b"h2")
    with rig.open() as one:
        before = key.counters()["messages"]
        rig.ask(one, [ours])
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        rig.verify(one.expect(DONE), ours, 5)
    alone = key.counters()["messages"] - before
    for first, further, made, more in (([ours], [], ours, 0), ([ours], [(PAM, [Unknown(1)])], ours, 0),
                                       ([Unknown(1)], [(PAM, [theirs])], theirs, 1),
                                       ([Unknown(1)], [(OTHER, [Unknown(2)]), (PAM, [theirs])], theirs, 2)):
        done, messages = cost(key, rig, first, *further)
        rig.verify(done, made, 5)
        equal(messages, alone + more, "messages", further)


def an_old_key_is_found_by_its_party(rig):
    key = rig.keys.plug("a", "--u2f-only")
    made = rig.make(key, pin=None, flags=link.UP, rp=PAM)
    key.tell("touch manual")
    with rig.open() as one:
        ask(rig, one, [Unknown(1)], (PAM, [made]), flags=link.UP)
        equal(one.expect(WAIT)["device_wait"], link.TOUCH)
        key.await_touch()
        key.touch()
        rig.verify(one.expect(DONE), made, 1)


def a_party_without_a_list_is_asked_what_the_key_has(rig):
    old, key = rig.keys.plug("old", "--u2f-only"), rig.keys.plug("a", "--pin", "1234", "--no-protect")
    old.remove()
    made = rig.make(key, flags=link.UV | link.UP | link.DISCOVERABLE, rp=PAM)
    old.insert()
    for party, ids, further in ((RP, [Unknown(1)], [(PAM, [])]), (OTHER, [], [(PAM, [])]), (PAM, [], [])):
        with rig.open() as one:
            rig.ask(one, ids, rp=party, groups=link.groups(further))
            one.expect(ASK, device_ask=link.PIN)
            one.answer(b"1234")
            rig.verify(one.expect(DONE), made, 5)
    for party, ids, further in ((RP, [Unknown(1)], [(OTHER, [])]), (OTHER, [], [])):
        with rig.open() as one:
            rig.ask(one, ids, rp=party, groups=link.groups(further), flags=link.UV | link.UP | link.PRESENT)
            one.expect(FAILED, reason="KEY_NOT_REGISTERED")
    equal(old.counters()["u2f_signs"], 0, "an old key was not asked to sign")


def of_two_accounts_of_a_party_without_a_list_the_person_chooses(rig):
    key = rig.keys.plug("a", "--pin", "1234", "--no-protect")
    made = [rig.make(key, flags=link.UV | link.UP | link.DISCOVERABLE, handle=handle, rp=PAM, login=login)
            for handle, login in ((b"h1", "martin"), (b"h2", "garde"))]
    with rig.open() as one:
        ask(rig, one, [Unknown(1)], (PAM, []))
        one.expect(ASK, device_ask=link.PIN)
        one.answer(b"1234")
        accounts = link.choices(one.expect(ASK, device_ask=link.CHOICE)["choices"])
        one.answer(b"2")
        done = one.expect(DONE)
    equal(done["user_handle"], accounts[1][0])
    rig.verify(done, made[0 if accounts[1][0] == b"h1" else 1], 5)


def two_keys_of_two_parties_race_for_a_touch(rig):
    keys = [rig.keys.plug(name, "--touch", "manual") for name in "ab"]
    made = []
    for key, rp in zip(keys, (RP, PAM)):
        key.tell("touch next")
        made.append(rig.make(key, pin=None, flags=link.UP, rp=rp))
    for chosen in (0, 1):
        with rig.open() as one:
            ask(rig, one, [made[0]], (PAM, [made[1]]), flags=link.UP)
            for key in keys:
                key.await_touch()
            keys[chosen].touch()
            rig.verify(one.expect(DONE), made[chosen], 1)


if __name__ == "__main__":
    sys.exit(main([
        a_key_is_asked_no_more_than_its_sign_in_needs,
    a_key_that_has_none_for_any_of_them_is_asked_nothing,
        a_credential_of_another_party_is_not_taken_for_one_of_this,
        each_party_is_found_and_one_alone_costs_what_it_cost,
        an_old_key_is_found_by_its_party,
        a_party_without_a_list_is_asked_what_the_key_has,
        of_two_accounts_of_a_party_without_a_list_the_person_chooses,
        two_keys_of_two_parties_race_for_a_touch,
    ]))
