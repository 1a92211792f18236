# SPDX-License-Identifier: Apache-2.0
"""fido_race.py: what the helper will do with libfido2, done by hand, for test_fido_rig.py.

Opens every key that is plugged in, by its fido_dev_info_t, lets all of them wait for a touch, says
"waiting", prints the path of the one that was touched, and cancels the others. A key that comes in
meanwhile takes part. Ends 1 after ten seconds without a touch.
"""
import ctypes
import sys
import time

KEYS_MAX = 16
# in the order of the search of the program itself, so that a preloaded library stands before libfido2
ctypes.CDLL("libfido2.so.1", mode=ctypes.RTLD_GLOBAL)
fido = ctypes.CDLL(None)
for name, result in (("fido_dev_info_new", ctypes.c_void_p), ("fido_dev_info_ptr", ctypes.c_void_p),
                     ("fido_dev_info_path", ctypes.c_char_p), ("fido_dev_new_with_info", ctypes.c_void_p)):
    getattr(fido, name).restype = result


def must(status, what):
    if status != 0:
        sys.exit(f"{what}: 0x{status:02x}")


def plugged_in():
    """Yields (path, info) of each key; the list lives as long as the program."""
    count = ctypes.c_size_t()
    listed = ctypes.c_void_p(fido.fido_dev_info_new(ctypes.c_size_t(KEYS_MAX)))
    must(fido.fido_dev_info_manifest(listed, ctypes.c_size_t(KEYS_MAX), ctypes.byref(count)), "manifest")
    for place in range(count.value):
        info = ctypes.c_void_p(fido.fido_dev_info_ptr(listed, ctypes.c_size_t(place)))
        yield fido.fido_dev_info_path(info).decode(), info


def begin(info):
    device = ctypes.c_void_p(fido.fido_dev_new_with_info(info))
    must(fido.fido_dev_open_with_info(device), "open")
    must(fido.fido_dev_get_touch_begin(device), "touch_begin")
    return device


def touched(device):
    answer = ctypes.c_int()
    must(fido.fido_dev_get_touch_status(device, ctypes.byref(answer), ctypes.c_int(10)), "touch_status")
    return answer.value == 1


def main():
    fido.fido_init(0)
    devices, end = {}, time.monotonic() + 10
    while time.monotonic() < end:
        for path, info in plugged_in():
            if path not in devices:
                devices[path] = begin(info)
                print("waiting", path, flush=True)
        for path, device in devices.items():
            if not touched(device):
                continue
            print("touched", path, flush=True)
            for other, loser in devices.items():
                if other != path:
                    must(fido.fido_dev_cancel(loser), "cancel")
                must(fido.fido_dev_close(devices[other]), "close")
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
