"""A small laboratory: real programs on loopback, started and ended by process id.

    with Lab() as lab:
        node = lab.node_exporter()
        tidemark = lab.tidemark(binary, config)
        print(tidemark.query("up"))

Everything a Lab starts it stops, and its folder goes with it. Needs only the standard library.
"""
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url, timeout=10, data=None, headers=None):
    """(status, body) of an HTTP request; a refusal is an OSError."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Server:
    """One program that answers HTTP on a port."""

    def __init__(self, name, args, port, log, ready="/", user=None, env=None):
        self.name, self.args, self.port, self.log, self.ready = name, args, port, log, ready
        self.user, self.env = user, env
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self, wait_s=60):
        preexec = None
        if self.user is not None:
            ids = pwd.getpwnam(self.user)

            def preexec():
                os.setgid(ids.pw_gid)
                os.setuid(ids.pw_uid)

        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=preexec, env=self.env)
        if self.ready is not None:
            self.wait_ready(wait_s)
        return self

    def wait_ready(self, wait_s=60):
        end = time.time() + wait_s
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            try:
                if get(self.url + self.ready, timeout=2)[0] < 400:
                    return
            except OSError:
                pass
            if time.time() > end:
                raise RuntimeError(f"{self.name} is not ready after {wait_s} s:\n{self.tail()}")
            time.sleep(0.02)

    def wait_replayed(self, wait_s=60):
        """Until Tidemark has read the log of its earlier lives: only then everything is found again."""
        end = time.time() + wait_s
        while not json.loads(get(self.url + "/api/v1/status/walreplay")[1])["data"]["done"]:
            if time.time() > end:
                raise RuntimeError(f"the log is not read after {wait_s} s:\n{self.tail()}")
            time.sleep(0.01)

    def tail(self, lines=30):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self, wait_s=60):
        """SIGTERM; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.name} did not stop in {wait_s} s:\n{self.tail()}")

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # Prometheus' API.
    def api(self, path, **params):
        """The `data` of an answer; params with list values are repeated."""
        query = urllib.parse.urlencode(params, doseq=True)
        status, body = get(f"{self.url}/api/v1/{path}?{query}", timeout=120)
        try:
            answer = json.loads(body)
        except ValueError:
            raise RuntimeError(f"{self.name} {path}: {status} {body[:300]!r}")
        if answer["status"] != "success":
            raise RuntimeError(f"{self.name} {path} {params}: {status} {answer.get('error')}")
        return answer["data"]

    def query(self, expr, t=None):
        params = {"query": expr}
        if t is not None:
            params["time"] = t
        return self.api("query", **params)

    def query_range(self, expr, start, end, step):
        return self.api("query_range", query=expr, start=start, end=end, step=step)


class Lab:
    def __init__(self, keep=False):
        self.keep = keep
        self.dir = tempfile.mkdtemp(prefix="tidemark-lab-")
        os.chmod(self.dir, 0o755)
        self.servers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in reversed(self.servers):
            try:
                server.stop(20)
            except RuntimeError as error:
                print(error)
        if self.keep:
            print("kept", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def run(self, name, args, port, ready="/", **kwargs):
        server = Server(name, args, port, self.path(name + ".log"), ready, **kwargs)
        self.servers.append(server)
        return server.start()

    def node_exporter(self):
        port = free_port()
        return self.run("node_exporter", ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}",
                                          "--log.level=error"], port)

    def redis(self):
        """A Redis server and its exporter; the exporter."""
        port, exporter_port = free_port(), free_port()
        self.run("redis", ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                           "--dir", self.dir], port, ready=None)
        return self.run("redis_exporter", ["prometheus-redis-exporter", "-redis.addr", f"redis://127.0.0.1:{port}",
                                           "-web.listen-address", f"127.0.0.1:{exporter_port}"], exporter_port)

    def postgres(self):
        """A PostgreSQL server and its exporter; the exporter."""
        port, exporter_port = free_port(), free_port()
        versions = sorted(os.listdir("/usr/lib/postgresql"))
        binaries = f"/usr/lib/postgresql/{versions[-1]}/bin"
        data = self.path("postgres")
        os.mkdir(data, 0o700)
        user = None
        as_user = []
        if os.getuid() == 0:  # PostgreSQL refuses to run as root.
            user = "postgres"
            shutil.chown(data, user, user)
            as_user = ["runuser", "-u", user, "--"]
        subprocess.run(as_user + [f"{binaries}/initdb", "-D", data, "-U", "lab", "--auth=trust", "-N"],
                       check=True, stdout=subprocess.DEVNULL, cwd="/")
        self.run("postgres", [f"{binaries}/postgres", "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1",
                              "-c", f"unix_socket_directories={data}", "-c", "fsync=off"], port, ready=None, user=user)
        env = dict(os.environ, DATA_SOURCE_NAME=f"postgresql://lab@127.0.0.1:{port}/postgres?sslmode=disable")
        return self.run("postgres_exporter", ["prometheus-postgres-exporter",
                                              f"--web.listen-address=127.0.0.1:{exporter_port}"],
                        exporter_port, env=env)

    def prometheus(self, config, binary="prometheus", *extra, name="prometheus"):
        """A Prometheus on the same configuration text."""
        return self._prometheus_like(name, binary, config, extra)

    def tidemark(self, binary, config, *extra, name="tidemark"):
        return self._prometheus_like(name, binary, config, extra)

    def _prometheus_like(self, name, binary, config, extra):
        port = free_port()
        path = self.write(name + ".yml", config.replace("@PORT@", str(port)))
        return self.run(name, [binary, f"--config.file={path}", f"--web.listen-address=127.0.0.1:{port}",
                               f"--storage.tsdb.path={self.path(name + '-data')}", *extra], port, ready="/-/ready")
