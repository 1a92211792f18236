# SPDX-License-Identifier: Apache-2.0
"""A program that signs people in through libpam, as display managers and login do, with the machine's own stacks.

    outcome = sign_in("login", "martin", ["password", "123456"])
    outcome.auth, outcome.account, outcome.entered, outcome.shown, outcome.user
"""
import ctypes
import ctypes.util
import dataclasses

SUCCESS, AUTHINFO_UNAVAIL, CONV_ERR = 0, 9, 19
ITEM_USER, ITEM_TTY, ITEM_RHOST = 2, 3, 4
ECHO_OFF, ECHO_ON = 1, 2
ESTABLISH_CRED = 2
QUESTIONS_MAX = 12


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]


CONVERSE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.POINTER(Message)),
                            ctypes.POINTER(ctypes.POINTER(Response)), ctypes.c_void_p)


class Conversation(ctypes.Structure):
    _fields_ = [("function", CONVERSE), ("data", ctypes.c_void_p)]


LIBC = ctypes.CDLL(None)
LIBC.calloc.restype = ctypes.c_void_p
LIBC.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
LIBC.strdup.restype = ctypes.c_void_p
LIBC.strdup.argtypes = [ctypes.c_char_p]


@dataclasses.dataclass
class Outcome:
    auth: int = -1
    account: int = -1
    user: str = ""
    shown: list = dataclasses.field(default_factory=list)
    asked: list = dataclasses.field(default_factory=list)

    @property
    def entered(self):
        return self.auth == SUCCESS and self.account == SUCCESS


def environment_of(pam, handle):
    """What the modules put into the session's environment."""
    pam.pam_getenvlist.restype = ctypes.POINTER(ctypes.c_char_p)
    found, index = {}, 0
    block = pam.pam_getenvlist(handle)
    while block[index]:
        name, _, value = block[index].decode().partition("=")
        found[name] = value
        index += 1
    return found


def sign_in(service, login, answers, tty="tty1", rhost=None, during=None):  # pylint: disable=too-many-arguments
    """Authentication, account, a session opened and closed. answers: one for each question, in order; none is left for a
    question that should not have been asked. One that is a function is called when it is its turn. during: called with the
    environment of the open session."""
    pam = ctypes.CDLL("libpam.so.0")
    outcome, left, handle = Outcome(), list(answers), ctypes.c_void_p()

    def converse(count, messages, responses, _data):
        block = LIBC.calloc(count, ctypes.sizeof(Response))
        given = ctypes.cast(block, ctypes.POINTER(Response))
        for index in range(count):
            message = messages[index].contents
            text = (message.text or b"").decode()
            outcome.shown.append(text)
            if message.style in (ECHO_OFF, ECHO_ON):
                outcome.asked.append(text)
                if not left or len(outcome.asked) > QUESTIONS_MAX:
                    return CONV_ERR
                answer = left.pop(0)
                given[index].text = LIBC.strdup((answer() if callable(answer) else answer).encode())
        responses[0] = given
        return SUCCESS

    function = CONVERSE(converse)
    conversation = Conversation(function, None)
    if pam.pam_start(service.encode(), login.encode() if login else None, ctypes.byref(conversation), ctypes.byref(handle)) != 0:
        raise AssertionError("pam_start failed")
    for item, value in ((ITEM_TTY, tty), (ITEM_RHOST, rhost)):
        if value is not None:
            pam.pam_set_item(handle, item, value.encode())
    last = outcome.auth = pam.pam_authenticate(handle, 0)
    if last == SUCCESS:
        last = outcome.account = pam.pam_acct_mgmt(handle, 0)
    user = ctypes.c_char_p()
    pam.pam_get_item(handle, ITEM_USER, ctypes.byref(user))
    outcome.user = (user.value or b"").decode()
    if last == SUCCESS and pam.pam_setcred(handle, ESTABLISH_CRED) == SUCCESS and pam.pam_open_session(handle, 0) == SUCCESS:
        if during:
            during(environment_of(pam, handle))
        pam.pam_close_session(handle, 0)
    pam.pam_end(handle, last)
    return outcome
