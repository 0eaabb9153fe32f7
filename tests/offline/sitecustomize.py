"""Closes the way out of this machine: a test that needs another one is not repeatable.

Python imports a module of this name by itself when it starts, if it is on PYTHONPATH. So notebooks'
kernels, JupyterLab and commands that tests start are closed as the tests are.
"""

import socket

HERE = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None, socket.gethostname())
connect, look_up = socket.socket.connect, socket.getaddrinfo


def check(host):
    if (host.decode() if isinstance(host, bytes) else host) not in HERE:
        raise AssertionError(f"a test tried to reach {host}; tests may use this machine only")


def connect_here(self, address):
    check(address[0] if isinstance(address, tuple) else None)
    return connect(self, address)


def look_up_here(host, *args, **kwargs):
    check(host)
    return look_up(host, *args, **kwargs)


socket.socket.connect, socket.getaddrinfo = connect_here, look_up_here
