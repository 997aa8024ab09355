#!/usr/bin/env python3
"""Records the binlogs of this folder on a real mariadbd, and what MariaDB itself says of the rows in them.

Usage: record.py [CASE...]; needs mariadbd, mariadb-install-db and mariadb of 10.11 (run as root).
For each cases/CASE.sql: CASE.binlog, and CASE.tsv with a line for each value left in its tables at the end:
table, row's n, column, kind, value. Kinds: text (CAST AS CHAR, times in UTC), hex (bytes as stored; long
ones: `long`, their length and CRC32), number, member (0 = the error value, else m and the name's UTF-8 in hex),
null. Nothing of our own encodes anything.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve().parent
restart_mark = "-- restart"


class Server:
    def __init__(self, directory):
        self.dir = directory
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
             "--user=root", f"--datadir={self.dir}/data"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["mariadbd", "--no-defaults", "--user=root", f"--datadir={self.dir}/data",
             f"--socket={self.dir}/s.sock", "--skip-networking", "--log-bin=recorded", "--server-id=7",
             "--binlog-format=ROW", "--binlog-row-metadata=FULL", "--innodb-buffer-pool-size=32M",
             "--innodb-log-file-size=16M", "--binlog-annotate-row-events=ON", "--max-allowed-packet=64M"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            if subprocess.run(self.client() + ["-e", "SELECT 1"], capture_output=True).returncode == 0:
                return
            if time.monotonic() > deadline:
                sys.exit("mariadbd doesn't come up")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def client(self):
        return ["mariadb", "--no-defaults", f"--socket={self.dir}/s.sock", "-uroot", "--binary-mode",
                "--default-character-set=utf8mb4", "-N", "-B", "--raw"]

    def run(self, sql):
        done = subprocess.run(self.client(), input=sql.encode(), capture_output=True)
        if done.returncode:
            sys.exit(f"{done.stderr.decode()}\n{sql[:300]}")
        return done.stdout.decode()

    def rows(self, sql):
        return [line.split("\t") for line in self.run(sql).splitlines()]

    def file(self):
        return self.rows("SHOW MASTER STATUS")[0][0]


def expression(name, kind):
    c = f"`{name}`"
    if kind in ("char", "varchar", "binary", "varbinary", "json") or "text" in kind or "blob" in kind:
        return "hex", f"IF(LENGTH({c})>2000,CONCAT('long ',LENGTH({c}),' ',CRC32({c})),HEX({c}))"
    if kind in ("geometry", "point"):
        return "hex", f"HEX({c})"
    if kind in ("uuid", "inet6"):
        return "hex", f"HEX(CAST({c} AS BINARY(16)))"
    if kind == "inet4":
        return "hex", f"HEX(CAST({c} AS BINARY(4)))"
    if kind == "enum":
        return "member", f"IF({c}+0=0,'0',CONCAT('m',HEX(CONVERT({c} USING utf8mb4))))"
    if kind in ("set", "bit", "year"):
        return "number", f"CAST({c} AS UNSIGNED)"
    if kind == "float":
        return "number", f"CAST({c} AS DOUBLE)"
    if kind == "double":
        return "number", f"CAST({c} AS CHAR)"
    return "text", f"CAST({c} AS CHAR)"


def expected(server):
    lines = []
    columns = server.rows("SELECT table_schema, table_name, column_name, data_type"
                          " FROM information_schema.columns WHERE table_schema IN ('mboxgroup7','zimbra')"
                          " ORDER BY table_schema, table_name, ordinal_position")
    keyed = {(s, t) for s, t, c, _ in columns if c == "n"}
    for schema, table, column, data_type in columns:
        if (schema, table) not in keyed or column in ("n", "mailbox_id"):
            continue
        kind, value = expression(column, data_type)
        query = (f"SET time_zone='+00:00'; SELECT n, `{column}` IS NULL, IFNULL({value},'')"
                 f" FROM `{schema}`.`{table}` ORDER BY n")
        for n, is_null, text in server.rows(query):
            lines.append("\t".join([table, n, column, "null" if is_null == "1" else kind, text]))
    return "".join(line + "\n" for line in lines)


def record(case):
    parts = (here / "cases" / f"{case}.sql").read_text().split(restart_mark)
    with tempfile.TemporaryDirectory(prefix="understudy-record-") as directory:
        server = Server(directory)
        try:
            server.run("CREATE DATABASE mboxgroup7 CHARACTER SET utf8mb3; CREATE DATABASE zimbra;"
                       "FLUSH BINARY LOGS")
            names = []
            for index, part in enumerate(parts):
                if index:
                    server.stop()
                    server.start()
                names.append(server.file())
                server.run("USE mboxgroup7;\n" + part)
            if values := expected(server):
                (here / f"{case}.tsv").write_text(values)
            server.run("FLUSH BINARY LOGS")
        finally:
            server.stop()
        for index, name in enumerate(names):
            suffix = f"_{index + 1}" if len(names) > 1 else ""
            shutil.copyfile(f"{directory}/data/{name}", here / f"{case}{suffix}.binlog")
    print(f"{case}: {len(names)} binlog(s)")


for wanted in sys.argv[1:] or sorted(p.stem for p in (here / "cases").glob("*.sql")):
    record(wanted)
