"""A whole Understudy on one machine: a Kafka broker and mailstores, each a MariaDB and a node, on loopback."""
import fcntl
import json
import os
import secrets
import shutil
import string
import subprocess
import tempfile
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from processes import Failed, Process, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("UNDERSTUDY_CACHE") or Path(os.environ.get("HOME", "/root")) / ".cache/understudy")
# Where the volumes of all mailstores are, as centralised ones. Not in a run's own directory: mailstores that are kept for
# the next run name it.
VOLUMES = (CACHE / "volumes").absolute()
KAFKA_TEMPLATE_CLUSTER = "A" * 22
REDO_LOG = "--innodb-log-file-size=32M"
# All that synchronous durability needs of MariaDB (R5), and what keeps a private server small.
MARIADB_SETTINGS = [
    "--skip-networking", "--gtid-strict-mode=ON", "--log-bin=binlog", "--binlog-format=ROW",
    "--binlog-row-image=FULL", "--binlog-row-metadata=FULL", "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1",
    "--rpl-semi-sync-master-enabled=ON", "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
    "--rpl-semi-sync-master-wait-no-slave=ON", "--rpl-semi-sync-master-timeout=18446744073709551615",
    "--innodb-buffer-pool-size=64M", REDO_LOG, "--performance-schema=OFF",
]


def as_root():
    return ["--user=root"] if os.geteuid() == 0 else []


def run(command, **options):
    done = subprocess.run(command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{command[0]} failed ({done.returncode}): {done.stdout[-2000:]}")
    return done.stdout


@contextmanager
def locked(name):
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield CACHE / name


def prepared(name, make):
    """A directory that takes seconds to make: made once, under a lock, and copied from then on."""
    with locked(name) as directory:
        if not directory.exists():
            partial = Path(f"{directory}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial)
            partial.rename(directory)
        return directory


class Kafka:
    """One broker in KRaft mode. The usual `java_options` make it start fast; benchmarks take a server's."""

    def __init__(self, directory, keep=False, java_options=("-XX:TieredStopAtLevel=1",)):
        self.port = free_port()
        controller = free_port()
        self.address = f"127.0.0.1:{self.port}"
        jars = ROOT / ".cache/kafka"
        if not jars.exists():
            raise Failed(f"no Kafka jars in {jars}: run scripts/bootstrap")
        directory.mkdir()
        data = directory / "data"

        def make(partial):
            with tempfile.TemporaryDirectory() as work:
                properties = Path(work) / "server.properties"
                properties.write_text(
                    f"process.roles=broker,controller\nnode.id=1\nlog.dirs={partial}\n"
                    "controller.quorum.voters=1@127.0.0.1:1\ncontroller.listener.names=CONTROLLER\n"
                    "listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\n", encoding="utf-8")
                run(["java", "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "-t", KAFKA_TEMPLATE_CLUSTER,
                     "-c", str(properties)])

        shutil.copytree(prepared("kafka-formatted-1", make), data)
        meta = data / "meta.properties"
        letters = string.ascii_letters + string.digits
        cluster = "".join(secrets.choice(letters) for _ in range(21)) + "A"
        meta.write_text(meta.read_text(encoding="utf-8").replace(KAFKA_TEMPLATE_CLUSTER, cluster), encoding="utf-8")
        properties = directory / "server.properties"
        properties.write_text(
            f"process.roles=broker,controller\nnode.id=1\nlog.dirs={data}\n"
            f"controller.quorum.voters=1@127.0.0.1:{controller}\ncontroller.listener.names=CONTROLLER\n"
            f"listeners=PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://{self.address}\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            "auto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n"
            "broker.session.timeout.ms=1500\nbroker.heartbeat.interval.ms=300\n"
            "offsets.topic.num.partitions=1\noffsets.topic.replication.factor=1\n"
            "transaction.state.log.num.partitions=1\ntransaction.state.log.replication.factor=1\n"
            "transaction.state.log.min.isr=1\n", encoding="utf-8")
        self.process = Process("kafka", ["java", "-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", *java_options,
                                         "-cp", f"{jars}/*", "kafka.Kafka", str(properties)],
                               directory / "kafka.log", keep)

    def wait_ready(self):
        def answers():
            if not self.process.running():
                raise Failed(f"Kafka ended: {self.process.last_words()}")
            return subprocess.run(["kcat", "-b", self.address, "-L", "-m", "1"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False).returncode == 0
        wait_until("Kafka answers", 120, answers)


class MariaDB:
    """A private server, for the mailstore's schema. `data` is a directory to start with instead of an empty server's;
    `settings` come after the usual ones."""

    def __init__(self, directory, number, keep=False, data=None, settings=()):
        directory.mkdir()
        (directory / "tmp").mkdir()  # its own: a server that starts deletes others' temporary tables in /tmp
        self.socket = directory / "mysqld.sock"
        self.number = number
        version = run(["mariadbd", "--version"]).split("Ver ")[1].split()[0]

        def make(partial):
            with tempfile.TemporaryDirectory() as work:
                run(["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
                     "--skip-test-db", f"--datadir={partial}", f"--tmpdir={work}", REDO_LOG, *as_root()])

        template = data or prepared(f"mariadb-template-{version}", make)
        run(["cp", "-a", "--reflink=auto", "--sparse=always", str(template), str(directory / "data")])
        self.command = ["mariadbd", "--no-defaults", f"--datadir={directory / 'data'}", f"--socket={self.socket}",
                        f"--pid-file={directory / 'mysqld.pid'}", f"--tmpdir={directory / 'tmp'}",
                        f"--server-id={number}", *MARIADB_SETTINGS, *settings, *as_root()]
        self.log, self.keep = directory / "mariadbd.log", keep
        self.start()

    def start(self):
        self.process = Process(f"mariadbd {self.number}", self.command, self.log, self.keep)

    def sql(self, text):
        return run(["mariadb", "--no-defaults", "-uroot", f"--socket={self.socket}", "-N", "-e", text])

    def wait_ready(self):
        def answers():
            if not self.process.running():
                raise Failed(f"mariadbd ended: {self.process.last_words()}")
            return subprocess.run(["mariadb", "--no-defaults", "-uroot", f"--socket={self.socket}", "-e", "SELECT 1"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
        wait_until("MariaDB answers", 60, answers)

    def load_mailstore(self):
        """The schema, unlogged: nobody captures yet, so a logged commit would wait for ever."""
        for name in ("store", "store-archive"):  # nodes look for them before a promotion
            (VOLUMES / name).mkdir(parents=True, exist_ok=True)
            (VOLUMES / name / "blob").touch()  # an empty one looks like a mount point without its mount
        data = ROOT / "tests/data/mailstore"
        first = (self.number - 1) * 4 + 1  # volume ids are a host's own
        volumes = (data / "volumes.sql.in").read_text(encoding="utf-8")
        for name, value in (("@VOLUMES@", VOLUMES), ("@PRIMARY@", first), ("@SECONDARY@", first + 1),
                            ("@INDEX@", first + 2)):
            volumes = volumes.replace(name, str(value))
        self.sql("SET sql_log_bin=0;" + (data / "zimbra.sql").read_text(encoding="utf-8") + volumes)


class Authority:
    """A small CA and one certificate that the cluster's nodes and its administrator share: nodes that make their own
    material trust nobody else's."""

    def __init__(self, directory):
        directory.mkdir(mode=0o700)
        self.ca, self.certificate, self.key = (directory / name for name in ("ca.pem", "node.pem", "node.key"))
        ca_key, request = directory / "ca.key", directory / "node.csr"
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run(["openssl", "req", "-x509", *new_key, "-days", "30", "-subj", "/CN=understudy demo CA",
             "-keyout", str(ca_key), "-out", str(self.ca)])
        run(["openssl", "req", *new_key, "-subj", "/CN=admin", "-keyout", str(self.key), "-out", str(request)])
        run(["openssl", "x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(ca_key),
             "-CAcreateserial", "-days", "30", "-out", str(self.certificate)])


class Node:
    """One understudyd with its configuration."""

    def __init__(self, directory, name, mariadb, kafka, authority, programs, keep=False,
                 profile=ROOT / "config/profiles/carbonio.toml"):
        self.name = name
        self.directory = directory
        self.programs = programs
        self.keep = keep
        directory.mkdir()
        (directory / "state").mkdir(mode=0o700)
        self.config = directory / "understudyd.toml"
        self.http = f"127.0.0.1:{free_port()}"
        listen = f"127.0.0.1:{free_port()}"
        self.config.write_text(f"""[node]
name      = "{name}"
listen    = "{listen}"
advertise = "{listen}"
http      = "{self.http}"
state_dir = "{directory / 'state'}"
[mariadb]
socket = "{mariadb.socket}"
user   = "root"
[kafka]
brokers = "{kafka.address}"
[cluster]
partitions          = 8
replication_factor  = 1
min_insync_replicas = 1
[profile]
file = "{profile}"
[tls]
ca          = "{authority.ca}"
certificate = "{authority.certificate}"
key         = "{authority.key}"
""", encoding="utf-8")
        self.process = None

    def start(self):
        self.process = Process(f"understudyd {self.name}",
                               [str(self.programs["understudyd"]), "--config", str(self.config)],
                               self.directory / "understudyd.log", self.keep)

    def command(self, *words, json_reply=True):
        """The understudy command line: exit status and its reply (parsed pages, or text)."""
        command = [str(self.programs["understudy"]), "--config", str(self.config), "--yes"]
        done = subprocess.run(command + (["--json"] if json_reply else []) + list(words), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if not json_reply:
            return done.returncode, done.stdout + done.stderr
        pages = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        return done.returncode, pages or [{"error": done.stderr.strip()}]

    def wait_ready(self):
        def answers():
            if not self.process.running():
                raise Failed(f"understudyd {self.name} ended: {self.process.last_words()}")
            return self.command("ha", "getAccountStatus")[0] in (0, 3)
        wait_until(f"{self.name} answers", 120, answers)

    def status(self):
        """All accounts as getAccountStatus gives them."""
        _, pages = self.command("ha", "getAccountStatus")
        return [account for page in pages for account in page.get("accounts", [])]


def metrics_text(node):
    with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=10) as reply:
        return reply.read().decode("utf-8")


def metric(node, name):
    """One without labels, found without parsing the others: while something is measured on the same cores."""
    return float(metrics_text(node).partition(f"\n{name} ")[2].partition("\n")[0])
