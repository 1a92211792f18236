#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: bytes as nobody should send them, at the real listener, over TLS.
 * NUL, bare LF and CR, folding, a space before the colon, two lengths, length and chunks, two hosts, chunked bodies,
   headers and bodies beyond their limits: refused and closed, and nothing of them is taken for a second request
 * clients that trickle are cut off and delay nobody; idle connections (HC_IDLE_CONNECTIONS) cost nobody anything
 * TLS below 1.2, weak ciphers and plain HTTP are refused; the monitor's listener is not the public one
"""
import os
import re
import resource
import ssl
import statistics
import time

import gateway
import rig
from gateway import register
from rig import check, equal, wait_until

IDLE = int(os.environ.get("HC_IDLE_CONNECTIONS", "600"))
HOST = f"Host: {gateway.HOST}:{gateway.PORT}\r\n".encode()
GET = b"GET " + gateway.WELL_KNOWN.encode() + b" HTTP/1.1\r\n"


def setup(machine):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gateway.install(machine)
    machine.api = register(machine, "api", grants=("client_credentials",), scopes=("read",))
    machine.slow = start_slow_clients(machine)


def plain(address="127.0.0.1", timeout=20):
    return rig.socket.create_connection(("127.0.0.1", gateway.PORT), timeout=timeout, source_address=(address, 0))


def connect(machine, **how):
    return machine.gateway.site.context.wrap_socket(plain(**how), server_hostname=gateway.HOST)


def raw(machine, data, more=()):
    """Statuses of all answers to those bytes until the server closes, or falls silent ("open")."""
    with connect(machine, timeout=3) as connection:
        got = b""
        try:
            connection.sendall(data)
            for piece in more:
                connection.sendall(piece)
            while piece := connection.recv(65536):
                got += piece
            end = []
        except TimeoutError:
            end = ["open"]
        except (ConnectionError, ssl.SSLError):
            end = []
        return [int(status) for status in re.findall(rb"(?:\A|\r\n\r\n|\})HTTP/1\.1 (\d{3}) ", got)] or ["nothing"], end


def refused(machine, data, *statuses, more=()):
    got, end = raw(machine, data, more)
    check(got[0] in statuses and len(got) == 1 and not end, data[:120], "\n  got", got, end, "expected", statuses)


def a_good_request_is_answered(machine):
    equal(raw(machine, GET + HOST + b"Connection: close\r\n\r\n"), ([200], []))
    equal(raw(machine, (GET + HOST + b"\r\n") + (GET + HOST + b"Connection: close\r\n\r\n")), ([200, 200], []))


def control_bytes_are_refused(machine):
    for data in (b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", GET + HOST + b"X: a\0b\r\n\r\n", GET + HOST + b"X\0: a\r\n\r\n",
                 GET + HOST + b"X: a\x01\r\n\r\n", GET + HOST + b"X: \x7f\r\n\r\n", b"\0" * 100 + b"\r\n\r\n"):
        refused(machine, data, 400)


def bare_line_ends_are_refused(machine):
    for data in (GET.replace(b"\r\n", b"\n") + HOST + b"\r\n", GET + HOST.replace(b"\r\n", b"\n") + b"\r\n", GET + HOST + b"X: a\n\n",
                 GET + HOST + b"X: a\rY: b\r\n\r\n", GET.replace(b"\r\n", b"\r") + HOST + b"\r\n", GET + HOST + b"\n\r\n",
                 b"\n" + GET + HOST + b"\r\n", GET + HOST + b"X: a\r\r\n\r\n"):
        refused(machine, data, 400)


def folding_and_blanks_before_the_colon_are_refused(machine):
    for data in (GET + HOST + b"X: a\r\n b\r\n\r\n", GET + HOST + b"X: a\r\n\tb\r\n\r\n", GET + HOST + b"X : a\r\n\r\n",
                 GET + HOST + b"Content-Length : 3\r\n\r\nabc", GET + b" " + HOST + b"\r\n", GET + HOST + b": a\r\n\r\n",
                 GET + HOST + b"X\r\n\r\n", GET + b"Host\t: x\r\n\r\n"):
        refused(machine, data, 400)


def two_lengths_and_two_hosts_are_refused(machine):
    post = b"POST /oauth2/token HTTP/1.1\r\n" + HOST
    second = GET + HOST + b"\r\n"
    for lengths in (b"Content-Length: 3\r\nContent-Length: 3\r\n", b"Content-Length: 3\r\nContent-Length: 0\r\n",
                    b"Content-Length: 3, 3\r\n", b"Content-Length: +3\r\n", b"Content-Length: -1\r\n", b"Content-Length: 0x3\r\n",
                    b"Content-Length: 3 \x0b\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Length: 3;\r\n",
                    b"Content-Length: 03\r\n", b"Content-Length:\r\n"):
        refused(machine, post + lengths + b"\r\nabc" + second, 400, 413)
    for hosts in (b"", HOST + HOST, HOST + b"Host: evil.test\r\n", HOST + b"hOST: x\r\n"):
        refused(machine, GET + hosts + b"\r\n", 400)


def length_beside_chunks_and_chunks_alone_are_refused(machine):
    post = b"POST /oauth2/token HTTP/1.1\r\n" + HOST
    smuggled = b"0\r\n\r\n" + GET + HOST + b"\r\n"
    for headers in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
                    b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding:\x0bchunked\r\n", b"Transfer-Encoding: chunked\r\n",
                    b"Transfer-Encoding: CHUNKED\r\n", b"transfer-encoding: gzip, chunked\r\n"):
        refused(machine, post + headers + b"\r\n" + smuggled, 400, 501)


def odd_request_lines_are_refused(machine):
    for line in (b"GET http://evil.test/ HTTP/1.1", b"GET evil HTTP/1.1", b"CONNECT evil.test:443 HTTP/1.1", b"GET / HTTP/1.1 x", b"GET  / HTTP/1.1",
                 b"GET / HTTP/2.0", b"GET / HTTP/9.9", b"GET /", b"PRI * HTTP/2.0", b"G\xc3\x89T / HTTP/1.1", b"GET /\xff HTTP/1.1", b" GET / HTTP/1.1",
                 b"GET / http/1.1", b"OPTIONS * HTTP/1.1"):
        refused(machine, line + b"\r\n" + HOST + b"\r\n", 400, 404, 405, 501, 505)


def headers_beyond_their_limits_are_refused(machine):
    refused(machine, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, 431)
    refused(machine, GET + HOST + b"X: " + b"a" * 8200 + b"\r\n\r\n", 431)
    refused(machine, GET + HOST + b"".join(b"X%d: a\r\n" % n for n in range(70)) + b"\r\n", 431)
    refused(machine, GET + HOST + b"a" * 200000, 431, 400)
    equal(raw(machine, GET + HOST + b"X: " + b"a" * 7000 + b"\r\nConnection: close\r\n\r\n"), ([200], []))


def bodies_beyond_their_limit_are_refused(machine):
    post = b"POST /oauth2/token HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
    refused(machine, post + b"Content-Length: 65537\r\n\r\n", 413)
    refused(machine, post + b"Content-Length: 65537\r\n\r\n" + b"a" * 65537, 413)
    refused(machine, post + b"Content-Length: 4294967297\r\n\r\na", 413, 400)
    got, end = raw(machine, post + b"Content-Length: 65536\r\nConnection: close\r\n\r\n" + b"a" * 65536)
    check(got[0] in (400, 401) and not end, got)
    refused(machine, post + b"Expect: 200-maybe\r\nContent-Length: 1\r\n\r\n", 417)
    got, end = raw(machine, post + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", [b"a=b"])
    check(got in ([100, 401], [100, 400], [401], [400]) and not end, got)


def parameters_without_end_are_refused(machine):
    fields, headers = machine.api.authenticated({"grant_type": "client_credentials"})
    for body in ("&".join(f"a{n}=1" for n in range(5000)), "a=" + "%41" * 20000, "=" * 60000, "&" * 60000, "%" * 1000, "a=%zz", "a=%00",
                 "\xff\xfe", "grant_type=client_credentials%"):
        answer = machine.api.wire.request("POST", "/oauth2/token", body.encode("latin-1"), headers)
        equal(answer.status, 400, body[:40], answer)
    for cookie in ("a=" + "x" * 7000, ";" * 5000, "__Host-hc_session=" + "A" * 5000, "=;=;=", "__Host-hc_session", '__Host-hc_session="' + "A" * 52 + '"'):
        answer = machine.gateway.wire().get("/oauth2/authorize", Cookie=cookie)
        check(answer.status in (400, 431), cookie[:40], answer)
    equal(machine.api.token_request(grant_type="client_credentials").status, 200)


def old_protocols_and_weak_ciphers_are_refused(machine):
    for low, high in ((ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1), (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = low, high
        problem = handshake_fails(context)
        check("ALERT" in problem.upper(), "refused by the server itself:", problem)
    for ciphers in ("AES256-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "NULL", "ADH"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers(ciphers + ":@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        handshake_fails(context)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = gateway.trusting(gateway.AUTHORITY, minimum_version=version, maximum_version=version)
        with context.wrap_socket(plain(), server_hostname=gateway.HOST) as connection:
            check("GCM" in connection.cipher()[0] or "CHACHA20" in connection.cipher()[0], connection.cipher())


def handshake_fails(context):
    try:
        with plain() as connection, context.wrap_socket(connection) as wrapped:
            raise rig.Failed(f"connected with {wrapped.cipher()}")
    except ssl.SSLError as error:
        return str(error)
    except ConnectionError as error:
        return "closed without an alert: " + str(error)


def plain_http_and_noise_get_no_answer(machine):
    for data in (GET + HOST + b"\r\n", b"\0" * 64, b"SSH-2.0-x\r\n", bytes(range(256)) * 8):
        with plain() as connection:
            connection.sendall(data)
            try:
                got = connection.recv(4096)
            except ConnectionError:
                got = b""
            check(not got.startswith(b"HTTP"), got)


def half_closed_and_vanished_clients_leave_nothing(machine):
    before = connection_count(machine)
    for n in range(60):
        connection = connect(machine, address=f"127.0.5.{1 + n}")
        connection.sendall((GET + HOST + b"\r\n")[:10 + n])
        connection.close() if n % 2 else connection.detach()
    for n in range(20):
        connection = connect(machine, address=f"127.0.5.{1 + n}")
        connection.sendall(b"POST /oauth2/token HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nabc")
        connection.close()
    import gc
    gc.collect()
    check(before >= 0, before)
    equal(machine.gateway.wire().get(gateway.WELL_KNOWN).status, 200)


def connection_count(machine):
    return len(os.listdir(f"/proc/{machine.gateway.process.pid}/fd"))


# ---- slow clients: begun in setup, looked at here -------------------------------------------------

def start_slow_clients(machine):
    """Forty that send a byte of their header now and then, ten that shake no hands, ten with half a body."""
    import threading
    clients = [connect(machine, address="127.0.6.1") for _ in range(40)]
    bodies = [connect(machine, address="127.0.6.2") for _ in range(10)]
    for body in bodies:
        body.sendall(b"POST /oauth2/token HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\na")
    for client in clients:
        client.sendall(GET)
    silent = [plain("127.0.6.3") for _ in range(10)]
    begun, ended = time.monotonic(), {}

    def trickle():
        alive = dict.fromkeys(clients + bodies + silent)
        while alive and time.monotonic() - begun < 60:
            for client in list(alive):
                try:
                    if client in silent:
                        client.setblocking(False)
                        if client.recv(1) == b"":
                            raise ConnectionError
                    else:
                        client.settimeout(0.001)
                        client.sendall(b"X" if client in clients else b"a")
                        if client.recv(4096) == b"":
                            raise ConnectionError
                except (TimeoutError, BlockingIOError):
                    continue
                except OSError:
                    ended[client] = time.monotonic() - begun
                    del alive[client]
            time.sleep(0.25)
    thread = threading.Thread(target=trickle, daemon=True)
    thread.start()
    return thread, clients, bodies, silent, ended


def clients_that_trickle_are_cut_off(machine):
    thread, clients, bodies, silent, ended = machine.slow
    begin = time.monotonic()
    equal(machine.api.token_request(grant_type="client_credentials").status, 200, "nobody waits for them")
    check(time.monotonic() - begin < 5)
    thread.join(60)
    for kind, group in (("headers", clients), ("bodies", bodies), ("handshakes", silent)):
        check(all(client in ended for client in group), kind, len([client for client in group if client not in ended]), "are still there")
        print(f"       {kind}: ended after {max(ended[client] for client in group):.1f} s at most")
        check(max(ended[client] for client in group) < 45, kind)


def idle_connections_cost_nobody_anything(machine):
    machine.gateway.stop()
    machine.gateway.start()
    wire = machine.gateway.wire()
    wire.get(gateway.WELL_KNOWN)
    before, held = rss_kib(machine), []
    for n in range(IDLE):
        held.append(connect(machine, address=f"127.{10 + n // 20000}.{n // 40 % 250}.{1 + n % 40}"))
        held[-1].sendall(GET + HOST + b"\r\n")
        held[-1].recv(65536)
    after, took = rss_kib(machine), []
    for _ in range(200):
        begin = time.monotonic()
        equal(wire.get(gateway.WELL_KNOWN).status, 200)
        took.append(time.monotonic() - begin)
    alive = 0
    for connection in held:
        connection.setblocking(False)
        try:
            connection.recv(1)
        except (ssl.SSLWantReadError, BlockingIOError):
            alive += 1
        except OSError:
            pass
    print(f"       {IDLE} idle, {alive} kept: {before} -> {after} KiB, {(after - before) / IDLE:.1f} KiB each; "
          f"a request beside them {1000 * statistics.median(took):.2f} ms, p99 {1000 * sorted(took)[197]:.2f} ms")
    check(gateway.SANITIZED or (after - before) / IDLE < 40, "memory for each")
    # the quickest quarter: what else the machine does is no matter of theirs
    check(statistics.quantiles(took)[0] < (0.2 if gateway.SANITIZED else 0.02), took[:5])
    equal(alive, IDLE, "kept")
    for connection in held:
        connection.close()
    wait_until(lambda: connection_count(machine) < 100, "descriptors are given back", 10)


def rss_kib(machine):
    with open(f"/proc/{machine.gateway.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def the_monitor_is_on_loopback_and_says_nothing_else(machine):
    for path in ("/", "/oauth2/token", gateway.WELL_KNOWN, "/metrics/"):
        check(machine.gateway.monitor(path)[0] in (404, 405), path)
    machine.gateway.stop()
    machine.gateway.configure(gateway__admin_listen="0.0.0.0:9464")
    try:
        machine.gateway.start()
    except rig.Failed as failure:
        check("admin_listen" in str(failure), failure)
        machine.gateway.process = None
    else:
        raise rig.Failed("metrics on every address")
    machine.gateway.configure(gateway__admin_listen=f"127.0.0.1:{gateway.METRICS_PORT}")
    machine.gateway.start()


rig.run([a_good_request_is_answered, control_bytes_are_refused, bare_line_ends_are_refused, folding_and_blanks_before_the_colon_are_refused,
         two_lengths_and_two_hosts_are_refused, length_beside_chunks_and_chunks_alone_are_refused, odd_request_lines_are_refused,
         headers_beyond_their_limits_are_refused, bodies_beyond_their_limit_are_refused, parameters_without_end_are_refused,
         old_protocols_and_weak_ciphers_are_refused, plain_http_and_noise_get_no_answer, half_closed_and_vanished_clients_leave_nothing,
         clients_that_trickle_are_cut_off, idle_connections_cost_nobody_anything, the_monitor_is_on_loopback_and_says_nothing_else,
         gateway.no_complaint_in_the_gateways_log], setup)
