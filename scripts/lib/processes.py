"""Child processes of scripts: gone with the script, or left running and found again later."""
import ctypes
import os
import random
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """What went wrong, in a sentence."""


def wait_until(what, deadline_seconds, condition):
    """Looks every 20 ms until condition() is true; raises Failed naming `what` at the deadline."""
    end = time.monotonic() + deadline_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed(f"{what}: not within {deadline_seconds} s")
        time.sleep(0.02)


reserved_ports = []  # sockets at an address where nobody listens: as long as this process lives


def free_port():
    """A port of 127.0.0.1 nobody listens on or has reserved, from below the kernel's range for outgoing connections."""
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        reserved = socket.socket()
        try:
            reserved.bind(("127.0.0.2", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            reserved.close()
            continue
        reserved_ports.append(reserved)
        return port
    raise Failed("no free port on 127.0.0.1")


def start_time(pid):
    """When the process started, in clock ticks since boot: with the pid it names one process. None if there's none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


class Process:
    """One child. Unless `keep`, it's killed when this script dies, whatever kills the script."""

    def __init__(self, name, command, log, keep=False, env=None):
        self.name = name
        self.log = log
        self.command = command

        def in_child():
            if not keep:
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        with open(log, "ab") as output:
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                           preexec_fn=in_child, start_new_session=True, env=env)
        self.pid = self._child.pid

    def running(self):
        return self._child.poll() is None

    def exit_status(self):
        return self._child.poll()

    def kill9(self):
        if self.running():
            self._child.kill()
            self._child.wait()

    def stop(self, deadline_seconds=15):
        if not self.running():
            return
        self._child.terminate()
        try:
            self._child.wait(deadline_seconds)
        except subprocess.TimeoutExpired:
            self.kill9()

    def last_words(self, lines=15):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])


def processes_of(directory, programs=("java", "mariadbd", "understudyd")):
    """Servers started with files of this directory: a demo's own, and what somebody restarted by hand from it."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace")
        except OSError:
            continue
        if f"{directory}/" in words and os.path.basename(words.split("\0")[0]) in programs:
            found.append({"pid": int(entry), "started": start_time(int(entry))})
    return found


def end_processes(identities, deadline_seconds=10):
    """Ends processes found by processes_of: only those that still are the same ones."""
    def same(one):
        return one["started"] is not None and start_time(one["pid"]) == one["started"]

    alive = [one for one in identities if same(one)]
    for one in alive:
        os.kill(one["pid"], signal.SIGTERM)
    end = time.monotonic() + deadline_seconds
    while time.monotonic() < end and any(same(one) for one in alive):
        time.sleep(0.05)
    for one in alive:
        if same(one):
            os.kill(one["pid"], signal.SIGKILL)
    return len(alive)
