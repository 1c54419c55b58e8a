"""Hostile requests to the app, as texts with {port} and {token} in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

HOST, TOKEN = "Host: 127.0.0.1:{port}", "Authorization: Bearer {token}"
BODY = '{"name": "hacked"}'


def request(
    method: str, path: str, *headers: str, body: str = "", host: str = HOST, token: str = TOKEN
) -> str:
    """The text of a request that the server closes."""
    lines = [f"{method} {path} HTTP/1.1", host, token, "Connection: close", *headers]
    if body and not any("length" in line.lower() or "chunked" in line for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\n".join([line for line in lines if line]) + f"\n\n{body}"


HOSTS = [
    "attacker.example", "attacker.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:0{port}",
    "127.0.0.1:+{port}", "127.0.0.1:{port}.", "127.0.0.1.nip.io:{port}", "0.0.0.0:{port}",
    "127.0.0.1:{port}:1", "[::1]", "[::1:{port}", "[::1%lo]:{port}", "127.0.0.1%00:{port}",
    "127.1:{port}", "2130706433:{port}", "0x7f000001:{port}", "127.0.0.2:{port}", "[::]:{port}",
    "[::ffff:127.0.0.1]:{port}", "localhost", "localhost.:{port}",
    "localhost.attacker.example:{port}",
    "LOCALHOST:{port}", "sub.localhost:{port}", "attacker@127.0.0.1:{port}",
    "127.0.0.1:{port}@attacker.example", "127.0.0.1:{port}, attacker.example", "127.0.0.1:{port}/",
    "127.0.0.1:{port}#", "\xe9xample:{port}", "localhost:{port} ,x", "http://127.0.0.1:{port}",
    "169.254.169.254", "*",
]  # fmt: skip
ORIGINS = [
    "https://attacker.example", "http://attacker.example:{port}", "null", "", "file://",
    "https://127.0.0.1:{port}", "http://127.0.0.1", "http://127.0.0.1:1", "http://localhost",
    "http://127.0.0.1:{port}.attacker.example", "http://attacker.example#127.0.0.1:{port}",
    "http://127.0.0.1:{port}/", "HTTP://127.0.0.1:{port}", "127.0.0.1:{port}",
    "http://http://127.0.0.1:{port}", "http://[::1]", "chrome-extension://abc", "blob:null",
    "http://127.0.0.1:{port} http://attacker.example", "moz-extension://127.0.0.1:{port}",
]  # fmt: skip
TOKENS = [
    "", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Bearer 0",
    "Authorization: bearer {token}", "Authorization: {token}", "Authorization: Basic {token}",
    "Authorization: Bearer  {token}", "Authorization: Bearer {token}x", "Cookie: token={token}",
    "Authorization: Bearer {token}, Bearer x", "X-Authorization: Bearer {token}",
    "Authorization: Bearer \xff{token}", "Authorization: Token {token}",
    "Proxy-Authorization: Bearer {token}",
]  # fmt: skip
SITES = ["cross-site", "same-site", "", "Same-Origin", "none, same-origin", "*", "\xff"]
METHODS = [
    "PUT", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "Post", "QUERY", "LINK", "PURGE", "X",
    "DEBUG",
]  # fmt: skip
PATHS = [
    "/app/../actions.py", "/app/%2e%2e/actions.py", "/app/..%2factions.py",
    "/modules/..%5cexplain.py",
    "/modules/%2e%2e%2f%2e%2e%2fnetwork.py", "/app/", "/app", "/modules", "//etc/passwd",
    "/etc/passwd", "/.piecewise/key", "/api/../.piecewise/key", "/app/%00", "/app/index.html%00.js",
    "/api/take/..", "/api/take/%2e%2e%2fkey", "/api/take/../../key", "/api//project",
    "/api/project/",
    "/API/project", "/api/project%20", "/api/project;x", "/api%252fproject", "/api/classes/..",
    "/app/index.html/", "/app/./index.html", "/%61pp/../x", "/\xff", "/api/take/net/..%2f..",
    "/favicon.ico",
]  # fmt: skip
FRAMES = {
    "two lengths": request("POST", "/api/classes", "Content-Length: 18", "Content-Length: 3",
                           body=BODY),
    "lengths in one header": request("POST", "/api/classes", "Content-Length: 18, 3", body=BODY),
    "signed length": request("POST", "/api/classes", "Content-Length: +18", body=BODY),
    "negative length": request("POST", "/api/classes", "Content-Length: -1", body=BODY),
    "length in hexadecimal": request("POST", "/api/classes", "Content-Length: 0x12", body=BODY),
    "length in other digits": request("POST", "/api/classes", "Content-Length: \xb2", body=BODY),
    "endless length": request("POST", "/api/classes", f"Content-Length: {'9' * 5000}", body=BODY),
    "unknown coding": request("POST", "/api/classes", "Transfer-Encoding: gzip, chunked",
                              body=BODY),
    "coding identity": request("POST", "/api/classes", "Transfer-Encoding: identity",
                               "Content-Length: 18", body=BODY),
    "coding in disguise": request("POST", "/api/classes", "Transfer-Encoding: xchunked",
                                  "Content-Length: 18", body=BODY),
    "two codings": request("POST", "/api/classes", "Transfer-Encoding: chunked",
                           "Transfer-Encoding: identity", body=f"12\n{BODY}\n0\n\n"),
    "space before the colon": request("POST", "/api/classes", "Transfer-Encoding : chunked",
                                      "Content-Length: 18", body=BODY),
    "folded header": request("POST", "/api/classes", "X: a\n Transfer-Encoding: chunked",
                             token="", body=BODY),
    "control character in a header": request("GET", "/api/project", "X: a\x00b"),
    "name of a header with a space": request("GET", "/api/project", "a b: c"),
    "header without a name": request("GET", "/api/project", ": c"),
    "header without a colon": request("GET", "/api/project", "abc"),
    "chunk without a size": request("POST", "/api/classes", "Transfer-Encoding: chunked",
                                    body=f"\n{BODY}\n0\n\n"),
    "negative chunk": request("POST", "/api/classes", "Transfer-Encoding: chunked",
                              body=f"-12\n{BODY}\n0\n\n"),
    "chunk of letters": request("POST", "/api/classes", "Transfer-Encoding: chunked",
                                body=f"zz\n{BODY}\n0\n\n"),
    "chunk of too many digits": request("POST", "/api/classes", "Transfer-Encoding: chunked",
                                        body=f"{'f' * 40}\n{BODY}\n0\n\n"),
    "two hosts": request("GET", "/api/project", "Host: attacker.example"),
    "no host": request("GET", "/api/project", host=""),
    "protocol of another name": "GET / HTTPS/1.1\n\n",
    "protocol 0.9": "GET /\n\n",
    "protocol 3": "GET /api/project HTTP/3.0\nHost: 127.0.0.1:{port}\n\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 200,
    "HTTP/2": "PRI * HTTP/2.0\n\nSM\n\n",
    "garbage": "\x00\xff" * 300,
    "long header": request("GET", "/api/project", f"X: {'a' * 100_000}", token=""),
    "many headers": request("GET", "/api/project", *[f"X{n}: a" for n in range(10_000)], token=""),
    "long path": request("GET", "/" + "a" * 100_000),
    "long query": request("GET", "/api/samples?folder=" + "a" * 100_000, token=""),
    "long method": request("A" * 50_000, "/"),
    "large body without a token": request("POST", "/api/files/up", token="", body="x" * 3_000_000),
    "length beyond the limit": request("POST", "/api/files/up", "Content-Length: 99999999999"),
    "import beyond the limit": request("POST", "/api/import", "Content-Length: 9999999999"),
    "JSON beyond the limit": request("POST", "/api/classes", body=f'"{"x" * 4_300_000}"'),
    "nested JSON": request("POST", "/api/classes", body="[" * 200_000),
    "form": request("POST", "/api/classes", "Content-Type: application/x-www-form-urlencoded",
                    body="name=hacked"),
    "upload form": request("POST", "/api/classes", "Content-Type: multipart/form-data; boundary=x",
                           body='--x\nContent-Disposition: form-data; name="name"\n\nhack\n--x--'),
    "second request behind a refused one": request(
        "POST", "/api/undo", "Content-Length: 0", token="",
        body="POST /api/undo HTTP/1.1\nHost: x\n\n"),
}  # fmt: skip
FROM_A_PAGE = {
    "form": ("POST", "/api/classes", "Content-Type: application/x-www-form-urlencoded",
             "Sec-Fetch-Mode: navigate"),
    "text by fetch": ("POST", "/api/classes", "Content-Type: text/plain",
                      "Sec-Fetch-Mode: no-cors"),
    "JSON by fetch": ("POST", "/api/classes", "Content-Type: application/json",
                      "Sec-Fetch-Mode: cors"),
    "preflight": ("OPTIONS", "/api/classes", "Access-Control-Request-Method: DELETE",
                  "Access-Control-Request-Headers: authorization"),
    "beacon": ("POST", "/api/undo", "Sec-Fetch-Mode: no-cors"),
    "ping": ("POST", "/api/stop", "Ping-From: http://attacker.example", "Content-Type: text/ping"),
    "websocket": ("GET", "/api/news", "Connection: Upgrade", "Upgrade: websocket",
                  "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    "event source": ("GET", "/api/news", "Accept: text/event-stream"),
    "download": ("GET", "/api/take/project.zip"),
    "deletion": ("DELETE", "/api/classes/up"),
}  # fmt: skip
SHOWN = {  # by an element, which sends no origin
    "image": ("GET", "/api/project", "Sec-Fetch-Dest: image", "Sec-Fetch-Mode: no-cors"),
    "script": ("GET", "/modules/walk.js", "Sec-Fetch-Dest: script", "Sec-Fetch-Mode: no-cors"),
    "style": ("GET", "/app/index.html", "Sec-Fetch-Dest: style", "Sec-Fetch-Mode: no-cors"),
    "frame": ("GET", "/api/news", "Sec-Fetch-Dest: iframe", "Sec-Fetch-Mode: navigate"),
    "object": ("GET", "/api/take/net", "Sec-Fetch-Dest: object", "Sec-Fetch-Mode: no-cors"),
}


def attempts() -> Iterator[tuple[str, str, set[int]]]:
    """The name, the text and the allowed statuses of every attempt; 0: closed without an answer."""
    add = ("POST", "/api/classes")
    groups: list[tuple[str, Iterable[str], set[int], Callable[[str], str | None]]] = [
        ("host", HOSTS, {400, 421}, lambda one: request(*add, host=f"Host: {one}", body=BODY)),
        ("origin", ORIGINS, {403}, lambda one: request(*add, f"Origin: {one}", body=BODY)),
        ("site", SITES, {403}, lambda one: request(*add, f"Sec-Fetch-Site: {one}", body=BODY)),
        ("token", TOKENS, {401, 429}, lambda one: request(*add, token=one, body=BODY)),
        ("method", METHODS, {400, 405}, lambda one: request(one, "/api/classes", body=BODY)),
        ("path", PATHS, {0, 400, 404, 405, 422}, lambda one: request("GET", one)),
        ("frame", FRAMES, {0, 400, 401, 404, 405, 413, 421, 422, 429, 431}, FRAMES.get),
    ]  # fmt: skip
    for group, cases, allowed, text_of in groups:
        for one in cases:
            yield f"{group} {one}", str(text_of(one)), allowed
    headers = ("Origin: http://attacker.example", "Origin: null", "Sec-Fetch-Site: cross-site")
    for (name, parts), header in product(FROM_A_PAGE.items(), headers):
        yield f"page: {name}, {header}", request(*parts, header, body=BODY), {403, 405}
    for (name, parts), site in product(SHOWN.items(), ("cross-site", "same-site")):
        yield f"element: {name}, {site}", request(*parts, f"Sec-Fetch-Site: {site}"), {403}
