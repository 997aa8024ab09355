"""Debezium as a replica: a Kafka Connect worker with the MariaDB connector as source and the JDBC connector as sink."""
import hashlib
import json
import re
import time
import urllib.error
import urllib.request

from stage import ROOT, UNLOGGED, NativeReplica, say
from cluster import prepared, run
from processes import Failed, Process, free_port, wait_until

USER = "debezium"  # and its password
# What a delivery touches. Each has a key: the sink stops at a table without one.
TABLES = ["zimbra.mailbox", "mboxgroup1.mail_item", "mboxgroup1.open_conversation", "mboxgroup1.tagged_item"]
PARTITIONS = 4  # of each table's topic: as many as the tasks that read them
LOOK_SECONDS = 0.05
# One figure a kind of change, the cheapest first; each only grows, so that the replica has caught up when it has had
# each of them.
PROGRESS = [
    "SELECT SUM(change_checkpoint) FROM zimbra.mailbox",
    "SELECT SUM(i.mod_metadata) FROM zimbra.mailbox m JOIN mboxgroup1.mail_item i ON i.mailbox_id=m.id AND i.id=2",
    "SELECT COUNT(*) FROM mboxgroup1.open_conversation",
    "SELECT COUNT(*) FROM mboxgroup1.mail_item",
    "SELECT COUNT(*) FROM mboxgroup1.tagged_item",
]


def jars():
    """Fetched by Maven the first time, beside Kafka's."""
    pom = ROOT / "bench/debezium/pom.xml"

    def make(partial):
        say("fetching the jars of Kafka Connect and Debezium (kept for the next time)")
        run(["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={partial}",
             "-DincludeScope=runtime"])
    return prepared(f"debezium-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}", make)


def admit(store):
    """Lets the connectors in over TCP; unlogged."""
    store.sql(f"SET SESSION sql_log_bin=0; CREATE USER IF NOT EXISTS {USER}@'127.0.0.1' IDENTIFIED BY '{USER}'; "
              f"GRANT ALL ON *.* TO {USER}@'127.0.0.1'")


def binlog_position(store):
    """Where the next event will be, as Debezium keeps it."""
    name, position = store.sql("SHOW MASTER STATUS").split()[:2]
    return {"file": name, "pos": int(position), "gtids": store.sql("SELECT @@gtid_binlog_pos").strip()}


class Worker:
    """A standalone worker, steered over its REST interface."""

    def __init__(self, on, kafka):
        self.kafka = kafka
        self.directory = on.directory / "connect"
        self.directory.mkdir()
        self.http = f"http://127.0.0.1:{free_port()}"
        properties = self.directory / "worker.properties"
        properties.write_text(
            f"bootstrap.servers={kafka.address}\nlisteners={self.http}\n"
            f"offset.storage.file.filename={self.directory / 'offsets'}\nplugin.discovery=service_load\n"
            # The sink knows a row's columns only from the record.
            "key.converter=org.apache.kafka.connect.json.JsonConverter\nkey.converter.schemas.enable=true\n"
            "value.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter.schemas.enable=true\n",
            encoding="utf-8")
        self.process = Process("connect", ["java", "-Xms1g", "-Xmx2g", "-XX:+UseParallelGC",
                                           "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars()}/*",
                                           "org.apache.kafka.connect.cli.ConnectStandalone", str(properties)],
                               self.directory / "connect.log")
        on.processes.append(self.process)
        wait_until("Kafka Connect answers", 120, self.answers)

    def answers(self):
        if not self.process.running():
            raise Failed(f"Kafka Connect ended: {self.process.last_words()}")
        try:
            return self.request("GET", "/connectors") == []
        except (OSError, Failed):
            return False  # at first it knows no path

    def request(self, method, path, body=None):
        request = urllib.request.Request(self.http + path, method=method,
                                         data=None if body is None else json.dumps(body).encode("utf-8"),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return json.loads(reply.read() or "null")
        except urllib.error.HTTPError as refused:
            raise Failed(f"Kafka Connect refused {method} {path}: {refused.read().decode('utf-8')[:1000]}") from refused

    def add(self, name, config, state="RUNNING"):
        self.request("POST", "/connectors", {"name": name, "config": config, "initial_state": state})

    def check(self, name):
        """Raises if the connector or a task of it has failed."""
        status = self.request("GET", f"/connectors/{name}/status")
        for part in [status["connector"], *status["tasks"]]:
            if part["state"] == "FAILED":
                causes = [line for line in part.get("trace", "").splitlines() if not line.startswith("\tat ")]
                raise Failed(f"Debezium's {name} failed: {' '.join(causes)[-1500:]}")

    def remove(self, name):
        self.request("DELETE", f"/connectors/{name}")


class Capture:
    """The source connector, from a place in the binlog on, into topics of its own."""

    def __init__(self, worker, prefix, source, port, position):
        self.worker, self.prefix = worker, prefix
        self.name = f"capture-{prefix}"
        admit(source)
        worker.add(self.name, {
            "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
            "database.hostname": "127.0.0.1", "database.port": str(port), "database.user": USER,
            "database.password": USER, "database.server.id": "5", "database.ssl.mode": "disable",
            "topic.prefix": prefix, "table.include.list": ",".join(re.escape(table) for table in TABLES),
            # The position is ours, and the tables are as they were there.
            "snapshot.mode": "recovery", "snapshot.locking.mode": "none",
            "schema.history.internal": "io.debezium.storage.file.history.FileSchemaHistory",
            "schema.history.internal.file.filename": str(worker.directory / f"{self.name}.history"),
            "schema.history.internal.store.only.captured.tables.ddl": "true", "include.schema.changes": "false",
            # Rows as they are afterwards, without the row before and Debezium's own fields: less JSON for both sides.
            "transforms": "row", "transforms.row.type": "io.debezium.transforms.ExtractNewRecordState",
            "transforms.row.delete.tombstone.handling.mode": "tombstone",
            "max.batch.size": "16384", "max.queue.size": "65536", "poll.interval.ms": "20",
            "topic.creation.default.partitions": str(PARTITIONS), "topic.creation.default.replication.factor": "1",
            "producer.override.compression.type": "lz4", "producer.override.batch.size": "262144",
            "producer.override.linger.ms": "20",
        }, state="STOPPED")
        worker.request("PATCH", f"/connectors/{self.name}/offsets",
                       {"offsets": [{"partition": {"server": prefix}, "offset": position}]})

    def topics(self):
        return [f"{self.prefix}.{table}" for table in TABLES]

    def start(self):
        self.worker.request("PUT", f"/connectors/{self.name}/resume")

    def stop(self):
        self.worker.remove(self.name)

    def records(self):
        """How many Kafka has of all tables."""
        kcat = ["kcat", "-b", self.worker.kafka.address]
        known = {topic["topic"] for topic in json.loads(run([*kcat, "-L", "-J"]))["topics"]}
        wanted = [f"{topic}:{partition}:-1" for topic in self.topics() if topic in known
                  for partition in range(PARTITIONS)]
        if not wanted:
            return 0
        return sum(int(end) for end in re.findall(r" offset (\d+)", run([*kcat, "-Q", *[
            word for one in wanted for word in ("-t", one)]])))

    def wait(self, records, deadline_seconds):
        """Until Kafka has so many."""
        def captured():
            self.worker.check(self.name)
            time.sleep(0.5)  # each look is two processes
            return self.records() >= records
        wait_until(f"{records} changes captured", deadline_seconds, captured)


class DebeziumReplica:
    """A MariaDB that the sink connector writes to, started from the source's data."""

    def __init__(self, on, name, capture, source, data, tasks):
        self.worker, self.capture = capture.worker, capture
        self.name, self.tasks = name, tasks
        self.goal = [(question, source.sql(question).strip()) for question in PROGRESS]
        self.port = free_port()
        self.store = on.mariadb(name, 4, data, [*UNLOGGED, *NativeReplica.networking(self.port)])
        admit(self.store)

    def start(self):
        self.worker.add(self.name, {
            "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "tasks.max": str(self.tasks),
            "topics": ",".join(self.capture.topics()),
            # MySQL's driver, which comes with the sink, makes one upsert of a batch; MariaDB's sends one for each row.
            "connection.url": f"jdbc:mysql://127.0.0.1:{self.port}/?rewriteBatchedStatements=true&cachePrepStmts=true&"
                              "prepStmtCacheSqlLimit=65536&databaseTerm=SCHEMA&sslMode=DISABLED&"
                              "sessionVariables=foreign_key_checks=0",
            "connection.username": USER, "connection.password": USER,
            "insert.mode": "upsert", "delete.enabled": "true", "primary.key.mode": "record_key",
            "schema.evolution": "none", "use.reduction.buffer": "true", "batch.size": "2000",
            # A topic is prefix.database.table, and the sink writes to schema.table: hence databaseTerm above, too.
            "transforms": "table", "transforms.table.type": "org.apache.kafka.connect.transforms.RegexRouter",
            "transforms.table.regex": r"[^.]+\.(.+)", "transforms.table.replacement": "def.$1",
            "collection.naming.strategy": "io.debezium.sink.naming.PassthroughCollectionNamingStrategy",
            "consumer.override.max.poll.records": "5000", "consumer.override.auto.offset.reset": "earliest",
            "consumer.override.fetch.max.bytes": "104857600",
            "consumer.override.max.partition.fetch.bytes": "16777216",
            "consumer.override.heartbeat.interval.ms": "500",
        })

    def wait(self, deadline_seconds):
        """Until it has everything that the source had when this was made."""
        for question, wanted in self.goal:
            wait_until(f"{question} is {wanted}", deadline_seconds, lambda: self.had(question, wanted))

    def had(self, question, wanted):
        """Whether the answer was the wanted one within a second. The server itself looks again and again: a client
        each time would take from what's measured. A SELECT of its own, since one in a condition locks what it reads."""
        self.worker.check(self.name)
        return self.store.sql(f"""DELIMITER $$
            BEGIN NOT ATOMIC
              DECLARE looks INT DEFAULT 0;
              DECLARE answer BIGINT;
              SELECT ({question}) INTO answer;
              WHILE looks < {round(1 / LOOK_SECONDS)} AND answer <> {wanted} DO
                DO SLEEP({LOOK_SECONDS});
                SELECT ({question}) INTO answer;
                SET looks = looks + 1;
              END WHILE;
              SELECT answer;
            END $$""").strip() == wanted

    def close(self):
        self.worker.remove(self.name)
        self.store.process.kill9()
