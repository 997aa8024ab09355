"""What the benchmarks share: programs, mailstores that have accounts already, servers in a shape, figures of a node."""
import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))

from cluster import VOLUMES, Authority, Kafka, MariaDB, Node, metric, metrics_text, prepared, run  # noqa: E402
from processes import Failed, free_port, wait_until  # noqa: E402

READ_REPLICA = "replica"  # user and password of native replicas
PROGRAMS = {"understudyd": "actors/node/understudyd", "understudy": "cli/understudy",
            "mailsim": "tests/tools/mailsim/mailsim", "bench_deliver": "bench/programs/bench_deliver",
            "bench_bare_ack": "bench/programs/bench_bare_ack", "bench_bare_hold": "bench/programs/bench_bare_hold",
            "bench_idle_state": "bench/programs/bench_idle_state"}
NAMES = ["ms1.example.test", "ms2.example.test"]
# A mailstore's hundreds of tables stay open, and its working set in memory; the redo log is as large as the mail
# server's own option file has it: with a small one MariaDB writes pages all the time, whoever replicates.
ROOMY = ["--table-definition-cache=4000", "--table-open-cache=4000", "--innodb-buffer-pool-size=512M",
         "--innodb-log-file-size=524288000"]
UNLOGGED = ["--skip-log-bin", "--rpl-semi-sync-master-enabled=OFF"]


def arguments(description):
    """A parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default=str(ROOT / "build/release"),
                        help="where the programs are (default: build/release)")
    parser.add_argument("--json", help="append one line with every figure to this file")
    parser.add_argument("--keep-temp", action="store_true", help="leave the servers' data and logs")
    return parser


def programs(options, *needed):
    found = {name: Path(options.build_dir).resolve() / PROGRAMS[name] for name in needed}
    missing = [name for name, path in found.items() if not path.exists()]
    if missing:
        raise Failed(f"not built: {', '.join(missing)}; cmake --preset release && ninja -C {options.build_dir} "
                     f"{' '.join(missing)}")
    return found


def say(text):
    print(f"# {text}", file=sys.stderr, flush=True)


def load_average():
    return os.getloadavg()[0]


def table(head, rows):
    """Prints a Markdown table."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    sys.stdout.flush()


def median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def shown(value, digits=2):
    return "-" if value is None else f"{value:,.{digits}f}"


class Stage:
    """A temporary directory and the processes in it; all of them are ended with it. Start them from the main thread:
    a child is killed when the thread that made it ends."""

    def __init__(self, options, found):
        self.programs = found
        self.keep_temp = options.keep_temp
        self.directory = Path(tempfile.mkdtemp(prefix="understudy-bench-", dir="/tmp"))
        self.processes = []
        self.broker = None

    def mariadb(self, name, number, data=None, settings=()):
        store = MariaDB(self.directory / name, number, data=data, settings=[*ROOMY, *settings])
        self.processes.append(store.process)
        store.wait_ready()
        return store

    def kafka(self):
        """The same for all who ask."""
        if not self.broker:
            self.broker = Kafka(self.directory / "kafka", java_options=("-Xms512m", "-Xmn320m"))
            self.processes.append(self.broker.process)
            self.broker.wait_ready()
        return self.broker

    def node(self, directory, name, store, kafka, authority):
        node = Node(self.directory / directory, name, store, kafka, authority, self.programs, profile=self.profile())
        self.start(node)
        return node

    def profile(self):
        """The usual one, but that all mailboxes made by a node are in one group database, as the source's are."""
        path = self.directory / "profile.toml"
        text = (ROOT / "config/profiles/carbonio.toml").read_text(encoding="utf-8")
        path.write_text(text.replace("count = 100 ", "count = 1 "), encoding="utf-8")
        return path

    def start(self, server):
        """A node or a MariaDB that isn't running."""
        server.start()
        self.processes.append(server.process)

    def close(self):
        for process in reversed(self.processes):
            process.kill9()
        if self.keep_temp:
            say(f"kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def stage(options, found):
    """A stage; when something fails, the ends of the logs say why."""
    made = Stage(options, found)
    try:
        yield made
    except Failed:
        for process in made.processes:
            print(f"--- {process.name}: {process.last_words(8)}", file=sys.stderr)
        raise
    finally:
        made.close()


class NativeReplica:
    """A MariaDB that replicates natively from `source`, whose settings must have come from networking(port). Both
    started from the same data."""

    SETTINGS = ["--rpl-semi-sync-master-enabled=OFF", "--read-only=ON"]

    def __init__(self, on, name, source, port, data, settings=()):
        self.source = source
        self.store = on.mariadb(name, 3, data, [*self.SETTINGS, *settings])
        source.sql("SET SESSION sql_log_bin=0; CREATE USER IF NOT EXISTS replica@'127.0.0.1' IDENTIFIED BY "
                   f"'{READ_REPLICA}'; GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1'")
        self.store.sql(f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='replica', "
                       f"MASTER_PASSWORD='{READ_REPLICA}', MASTER_USE_GTID=slave_pos")

    @staticmethod
    def networking(port):
        return ["--skip-networking=OFF", "--bind-address=127.0.0.1", f"--port={port}"]

    def start(self):
        self.store.sql("START SLAVE")

    def wait(self, deadline_seconds):
        """Until it has everything that the source has now."""
        wanted = self.source.sql("SELECT @@gtid_binlog_pos").strip()
        if self.store.sql(f"SELECT MASTER_GTID_WAIT('{wanted}', {deadline_seconds})").strip() != "0":
            state = self.store.sql("SHOW SLAVE STATUS\\G")
            raise Failed(f"the native replica hasn't caught up within {deadline_seconds} s: {state[-1500:]}")


def clone_accounts(store, groups, accounts):
    """The mailboxes of the first `groups` accounts again under further ids, until there are so many. Ids that differ
    by 100 are in the same group database."""
    copies = accounts // groups
    seed = "(seq * 100 + {id})"

    def columns(database, name):
        return store.sql(f"SELECT column_name FROM information_schema.columns WHERE table_schema='{database}' AND "
                         f"table_name='{name}' ORDER BY ordinal_position").split()

    def copy(database, name, where, other):
        listed = columns(database, name)
        values = ", ".join(other.get(column, f"t.`{column}`") for column in listed)
        names = ", ".join(f"`{column}`" for column in listed)
        return (f"INSERT INTO {database}.{name} ({names}) SELECT {values} FROM {database}.{name} t JOIN "
                f"zimbra.seq_1_to_{copies - 1} WHERE {where};")

    if copies < 2:
        return
    text = "SET foreign_key_checks=0; SET unique_checks=0; BEGIN;"
    for number in range(1, groups + 1):
        ours = seed.format(id=number)
        text += copy("zimbra", "mailbox", f"id={number}", {
            "id": ours, "account_id": f"INSERT(t.account_id, 25, 12, LPAD({ours}, 12, '0'))",
            "comment": f"CONCAT('copy', {ours}, '@example.test')"})
        for name in ("mail_item", "tag"):
            text += copy(f"mboxgroup{number}", name, f"mailbox_id={number}", {"mailbox_id": ours})
    store.sql(text + f"UPDATE zimbra.current_volumes SET next_mailbox_id={(copies + 1) * 100}; COMMIT")


def mailstore_with(accounts, mailsim, groups=1):
    """The data directory of a mailstore with so many new mailboxes in so many group databases, made once: a copy is
    quicker. With more groups each UPDATE of zimbra.mailbox is slower: MariaDB first locks every table that refers
    to it."""
    schema = b"".join(path.read_bytes() for path in sorted((ROOT / "tests/data/mailstore").glob("*.sql*")))
    schema += str(VOLUMES).encode()
    name = f"bench-mailstore-{accounts}-{groups}-{hashlib.sha256(schema).hexdigest()[:12]}"

    def make(partial):
        say(f"making a mailstore with {accounts} accounts (kept for the next time)")
        with tempfile.TemporaryDirectory(prefix="understudy-bench-", dir="/tmp") as work:
            store = MariaDB(Path(work) / "mariadb", 1, settings=[*UNLOGGED, "--innodb-flush-log-at-trx-commit=0"])
            try:
                store.wait_ready()
                store.load_mailstore()
                run([str(mailsim), "--socket", str(store.socket), "--create", "--accounts", str(groups), "--quiet"])
                clone_accounts(store, groups, accounts)
                store.process.stop(120)
            finally:
                store.process.kill9()
            shutil.copytree(Path(work) / "mariadb/data", partial)

    return prepared(name, make)


class UnderstudyPair:
    """Two mailstores with a node each; the first one's accounts are enrolled with the second as destination."""

    def __init__(self, on, data, accounts, source_settings=()):
        self.stage = on
        self.accounts = accounts
        self.kafka = on.kafka()
        self.stores = [on.mariadb("understudy1", 1, data, source_settings), on.mariadb("understudy2", 2)]
        self.stores[1].load_mailstore()
        authority = Authority(on.directory / "tls")
        self.nodes = [on.node(f"node{number}", name, store, self.kafka, authority)
                      for number, (name, store) in enumerate(zip(NAMES, self.stores), 1)]
        for node in self.nodes:
            node.wait_ready()

    def request(self):
        """setAccountDestination of all accounts."""
        names = self.stage.directory / "accounts"
        names.write_text(self.stores[0].sql("SELECT comment FROM zimbra.mailbox ORDER BY id"), encoding="utf-8")

        def enrolled():  # not before both nodes have announced themselves
            return self.nodes[0].command("ha", "setAccountDestination", NAMES[1], "10", "input_file",
                                         str(names))[0] == 0
        wait_until("setAccountDestination", 30, enrolled)

    def enrol(self, deadline_seconds=120):
        self.request()
        wait_until("all replicas ready", deadline_seconds, lambda: self.ready_replicas() == self.accounts)
        wait_until("all accounts protected", 30, self.all_protected)

    def ready_replicas(self):
        """As the destination's metrics have it: asking for every account's status would cost what is measured."""
        return metrics(self.nodes[1]).get('understudy_accounts{role="replica",state="ready"}', 0)

    def caught_up(self):
        """Every replica has applied what its source has acknowledged."""
        known = self.nodes[1].status()
        return len(known) == self.accounts and all(
            replica["sequence"] == account["sequence"] for account in known for replica in account["replicas"])

    def all_protected(self):
        known = self.nodes[0].status()
        return len(known) == self.accounts and all(account["protected"] for account in known)


def fill(store, each):
    """`each` messages in every mailbox, as deliveries leave them; unlogged."""
    store.sql(f"""SET sql_log_bin=0; SET foreign_key_checks=0; SET unique_checks=0;
        INSERT INTO mboxgroup1.mail_item (mailbox_id, id, type, folder_id, date, size, unread, flags, tags, mod_metadata,
          change_date, mod_content, index_id, imap_id, locator, blob_digest, sender, recipients, subject, metadata, uuid)
        SELECT m.id, 256 + seq, 5, 2, 1700000000 + seq, 2000 + seq % 60000, 1, 0, 0, seq, 1700000000 + seq, seq, 0,
          256 + seq, v.message_volume_id, CONCAT(MD5(seq), 'digest'), 'Ж. O''Neill', m.comment,
          'Re: Rechnung naïve Grüße meeting Привет', CONCAT('d1:f48:', MD5(seq), '1:s20:sender@example.test1:vi10ee'),
          CONCAT(m.account_id, '-', seq)
        FROM zimbra.mailbox m JOIN zimbra.seq_1_to_{each} JOIN zimbra.current_volumes v;
        UPDATE zimbra.mailbox SET item_id_checkpoint = 256 + {each}""")


def metrics(node):
    """The node's /metrics: name with labels → value."""
    values = {}
    for line in metrics_text(node).splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    return values


def difference(before, after):
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


def quantile(values, histogram, part):
    """A quantile of a Prometheus histogram, in ms; linear within its bucket. None if it has nothing."""
    prefix = f"{histogram}_bucket{{le=\""
    buckets = sorted((float(name[len(prefix):-2].replace("+Inf", "inf")), count)
                     for name, count in values.items() if name.startswith(prefix))
    if not buckets or buckets[-1][1] == 0:
        return None
    wanted = part * buckets[-1][1]
    low, below = 0.0, 0.0
    for high, count in buckets:
        if count >= wanted:
            if high == float("inf"):
                return low * 1000
            return (low + (high - low) * (wanted - below) / max(count - below, 1e-9)) * 1000
        low, below = high, count
    return None


def mean(values, histogram):
    """Of a Prometheus histogram, in ms."""
    count = values.get(f"{histogram}_count", 0)
    return values[f"{histogram}_sum"] / count * 1000 if count else None


def parse_json(command):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{command[0]} failed: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def cpu_seconds(process):
    """User and system time of a process so far."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_megabytes(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def append_json(options, name, figures):
    if options.json:
        with open(options.json, "a", encoding="utf-8") as file:
            file.write(json.dumps({"benchmark": name, "at": time.strftime("%FT%TZ", time.gmtime()), **figures}) + "\n")


def main(function):
    """Runs a benchmark's function; a failure is one sentence."""
    sys.dont_write_bytecode = True
    try:
        sys.exit(function())
    except Failed as why:
        print(f"{Path(sys.argv[0]).name}: {why}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
