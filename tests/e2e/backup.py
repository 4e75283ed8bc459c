#!/usr/bin/env python3
"""Snapshots, backups and restores of a server that is being written to, and what goes wrong with them.

    tests/e2e/backup.py --tidemark build/release/tidemark

A writer pushes numbered samples and notes what was acknowledged. A second server runs on a snapshot,
others on what was restored from backups: each must have all that was acknowledged before, whole
batches, and nothing that came later than the copy.
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import urllib.parse

import lab as labs
from kill_nine import Writer, missing, raw

ADMIN = "api/v1/admin/tsdb/"
CONFIG = "global: {scrape_interval: 1h}\n"
NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{16}$")
checks = 0


def expect(what, good, *context):
    global checks
    checks += 1
    if not good:
        print("FAILED:", what, *context)
        sys.exit(1)


def post(server, path):
    status, body = labs.get(f"{server.url}/{path}", data=b"", timeout=60)
    return status, json.loads(body) if body else None


def run(binary, *args, cwd=None):
    done = subprocess.run([binary, *args], capture_output=True, text=True, timeout=120, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


def noted(writer):
    """A copy of what is acknowledged by now. All series of a batch are noted one after the other."""
    return {name: dict(samples) for name, samples in list(writer.acknowledged.items())}


def expect_whole_batches(what, found):
    times = [set(samples) for name, samples in found.items() if name != "pushed_1_0"]  # Of which some is deleted.
    expect(what + ": whole batches", all(t == times[0] for t in times))


def snapshots_of(data):
    return os.listdir(data + "/snapshots") if os.path.isdir(data + "/snapshots") else []


def tables(backup):
    folder = backup + "/data/blocks"
    return {n: os.stat(f"{folder}/{n}") for n in os.listdir(folder) if n.endswith(".sst")}


class Test:
    def __init__(self, lab, binary):
        self.lab, self.binary = lab, binary
        self.data = lab.path("tidemark-data")
        self.to = lab.path("backups")
        self.server = lab.tidemark(binary, CONFIG, "--web.enable-admin-api",
                                   "--web.enable-remote-write-receiver")
        self.writer = Writer(self.server.url, 1)
        self.writer.start()
        self.servers = 0

    def push_for(self, seconds):
        time.sleep(seconds)
        return noted(self.writer)

    def backup(self, *args):
        code, out, err = run(self.binary, "backup", *args, self.to)
        expect("backup succeeds", code == 0, err)
        path = re.search(r"Backup (\S+): ", out).group(1)
        expect("a backup has a time for a name", NAME.match(os.path.basename(path)), path)
        return path

    def serve(self, folder):
        """What a server finds in the data directory `folder`."""
        self.servers += 1
        name = f"copy{self.servers}"
        os.rename(folder, self.lab.path(name + "-data"))
        server = self.lab.tidemark(self.binary, CONFIG, name=name)
        server.wait_replayed()
        found = raw(server, '{job="push"}')
        return server, found

    def restore(self, backup):
        folder = self.lab.path("restored")
        code, out, err = run(self.binary, "restore", backup, f"--storage.tsdb.path={folder}")
        expect("restore succeeds", code == 0, err)
        server, found = self.serve(folder)
        expect("restored in order", server.stop() == 0)
        return found

    def snapshots(self):
        before = self.push_for(1)
        status, answer = post(self.server, ADMIN + "snapshot")
        after = time.time() * 1000
        expect("snapshot", status == 200 and answer["status"] == "success", status, answer)
        expect("of one key", list(answer["data"]) == ["name"] and NAME.match(answer["data"]["name"]), answer)
        name = answer["data"]["name"]
        blocks = f"{self.data}/snapshots/{name}/tidemark/blocks"
        links = [os.stat(f"{blocks}/{n}").st_nlink for n in os.listdir(blocks) if n.endswith(".sst")]
        expect("tables are links", links and min(links) == 2, links)
        self.push_for(0.5)
        post(self.server, ADMIN + "delete_series?" + urllib.parse.urlencode({"match[]": "pushed_1_0"}))
        self.writer.acknowledged.pop("pushed_1_0")
        expect("the original goes on", "pushed_1_1" in raw(self.server, "pushed_1_1"))

        copy, found = self.serve(f"{self.data}/snapshots/{name}")
        expect("a snapshot has what was acknowledged", missing(before, found) == [])
        expect("and nothing from later", max(t for s in found.values() for t in s) <= after)
        expect_whole_batches("snapshot", found)
        at = max(before["pushed_1_1"]) / 1000
        queries = ['sum({job="push",__name__!="pushed_1_0"} @ %.3f)', "count_over_time(pushed_1_7[1h] @ %.3f)",
                   'rate(pushed_1_3[10s] @ %.3f)']
        sums = [[s.query(q % at)["result"][0]["value"][1] for q in queries] for s in (self.server, copy)]
        expect("both answer the same", sums[0] == sums[1], sums)
        status, answer = post(copy, ADMIN + "snapshot")
        expect("off without the flag", status == 500 and answer["error"] == "admin APIs disabled", answer)
        code, _, err = run(self.binary, "backup", "--url=" + copy.url, self.to)
        expect("and said so by the command", code == 1 and "--web.enable-admin-api" in err, err)
        expect("which leaves nothing", os.listdir(self.to) == [], os.listdir(self.to))
        copy.stop()

        status, answer = post(self.server, ADMIN + "snapshot?skip_head=nope")
        expect("a bad skip_head", status == 400 and answer["errorType"] == "bad_data" and answer["error"] ==
               'invalid parameter "skip_head": unable to parse boolean: strconv.ParseBool: parsing "nope": invalid syntax',
               answer)
        status, answer = post(self.server, ADMIN + "snapshot?skip_head=true")
        expect("skip_head", status == 200, answer)
        expect("GET is no way", labs.get(self.server.url + "/" + ADMIN + "snapshot")[0] == 405)
        shutil.rmtree(f"{self.data}/snapshots/{answer['data']['name']}")

    def running(self):
        first_before = self.push_for(1)
        first = self.backup("--url=" + self.server.url)
        first_after = time.time() * 1000
        expect("the server's snapshot is gone", snapshots_of(self.data) == [])
        second_before = self.push_for(1)
        second = self.backup("--url=" + self.server.url)
        old, new = tables(first), tables(second)
        shared = [n for n in new if n in old and new[n].st_ino == old[n].st_ino]
        expect("tables are shared", len(shared) >= 3, sorted(old), sorted(new))
        expect("and linked", all(new[n].st_nlink >= 2 for n in shared))
        expect("but not all", len(shared) < len(new))
        expect("nothing else lies there", sorted(os.listdir(self.to)) == sorted(map(os.path.basename, (first, second))))

        found = self.restore(first)
        expect("the first backup has what it should", missing(first_before, found) == [])
        expect("and nothing from later", max(t for s in found.values() for t in s) <= first_after)
        expect_whole_batches("first backup", found)
        shutil.rmtree(first)
        found = self.restore(second)
        expect("the second backup does without the first", missing(second_before, found) == [])
        expect_whole_batches("second backup", found)

    def killed(self):
        for _ in range(12):
            process = subprocess.Popen([self.binary, "backup", "--url=" + self.server.url, self.to],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0, 0.15))
            process.kill()
            process.wait()
        end = time.time() + 60
        while True:  # The server is still busy with what it was asked for.
            before = noted(self.writer)
            last = self.backup("--url=" + self.server.url)
            if not snapshots_of(self.data) or time.time() > end:
                break
            time.sleep(0.5)
        # Whose snapshot may still come stay a while, empty.
        left = [n for n in os.listdir(self.to) if not NAME.match(n)]
        expect("unfinished ones are gone", all(os.listdir(f"{self.to}/{n}") == [] for n in left), left)
        expect("and so are their snapshots", snapshots_of(self.data) == [], snapshots_of(self.data))
        expect("the one after has all", missing(before, self.restore(last)) == [])

    def stopped(self):
        code, _, err = run(self.binary, "backup", "--storage.tsdb.path=" + self.data, self.to)
        expect("a directory in use", code == 1 and self.data in err and "in use" in err and "--url" in err, err)
        before = noted(self.writer)
        self.server.kill()
        self.writer.stopping.set()
        self.writer.join()
        before = noted(self.writer)
        of_crashed = self.backup("--storage.tsdb.path=" + self.data)
        expect("nothing is left unfinished", all(NAME.match(n) for n in os.listdir(self.to)))
        expect("its lock stays as it was", os.path.exists(self.data + "/lock"))
        expect("of what a kill left", missing(before, self.restore(of_crashed)) == [])
        self.server.start()
        self.server.wait_replayed()
        expect("stops in order", self.server.stop() == 0)
        of_stopped = self.backup("--storage.tsdb.path=" + self.data)
        expect("of what a stop left", missing(before, self.restore(of_stopped)) == [])
        return of_stopped

    def refusals(self, backup):
        fresh = self.lab.path("fresh")

        def refused(what, code, words, *args, cwd=None):
            got, _, err = run(self.binary, *args, cwd=cwd)
            expect(what, got == code and all(w in err for w in words), got, err)

        into = "--storage.tsdb.path=" + fresh
        refused("restore over data", 1, [self.data, "has data of Tidemark already"],
                "restore", backup, "--storage.tsdb.path=" + self.data)
        refused("restore of nothing", 1, ["/nowhere", "no such folder"], "restore", "/nowhere", into)
        refused("restore of all backups", 1, ["name one of them", os.path.basename(backup)], "restore", self.to, into)
        refused("restore without a place", 2, ["--storage.tsdb.path", "usage:"], "restore", backup)
        refused("restore without a backup", 2, ["BACKUP", "usage:"], "restore", into)
        refused("backup without a place", 2, ["DESTINATION", "usage:"], "backup")
        refused("an unknown flag", 2, ["--frobnicate", "usage:"], "backup", "--frobnicate=1", self.to)
        refused("no server", 1, ["connection refused"], "backup", "--url=http://127.0.0.1:1", self.to)
        refused("no data", 1, [fresh, "no data of Tidemark"], "backup", "--storage.tsdb.path=" + fresh, self.to)
        refused("into its own folder", 1, [self.data + "/tidemark"],
                "backup", "--storage.tsdb.path=" + self.data, self.data + "/tidemark/backups")
        expect("which is as it was", not os.path.exists(self.data + "/tidemark/backups"))
        for command in ("backup", "restore"):
            code, out, _ = run(self.binary, command, "--help")
            expect(command + " --help", code == 0 and out.startswith("usage: tidemark " + command), out)

        bad = self.lab.path("bad")
        shutil.copytree(backup, bad)
        table = next(iter(sorted(tables(bad))))
        with open(f"{bad}/data/blocks/{table}", "r+b") as f:
            f.seek(20)
            byte = f.read(1)
            f.seek(20)
            f.write(bytes([byte[0] ^ 1]))
        refused("a flipped bit", 1, [table, "damaged"], "restore", bad, into)
        refused("which check finds", 1, [table, "damaged"], "check", "backup", backup, bad)
        code, out, _ = run(self.binary, "check", "backup", backup)
        expect("as it finds none", code == 0 and "SUCCESS" in out, out)
        os.truncate(f"{bad}/data/blocks/{table}", 10)
        refused("a file cut short", 1, [table, "10 bytes"], "restore", bad, into)
        os.remove(f"{bad}/BACKUP")
        refused("no manifest", 1, [bad, "not a finished backup"], "restore", bad, into)
        expect("nothing is left of it", os.listdir(fresh) == [], os.listdir(fresh))
        code, _, err = run(self.binary, "--storage.tsdb.path=" + backup,
                           "--web.listen-address=127.0.0.1:%d" % labs.free_port(),
                           "--config.file=" + self.lab.path("tidemark.yml"))
        expect("a backup is not served", code == 1 and "tidemark restore" in err, code, err)

        server = self.lab.tidemark(self.binary, CONFIG, name="other")
        refused("restore under a server", 1, [self.lab.path("other-data"), "in use"],
                "restore", backup, "--storage.tsdb.path=" + self.lab.path("other-data"))
        server.stop()
        # What a restore that was killed leaves.
        os.mkdir(fresh + "/tidemark.restoring")
        code, _, err = run(self.binary, "--storage.tsdb.path=" + fresh,
                           "--web.listen-address=127.0.0.1:%d" % labs.free_port(),
                           "--config.file=" + self.lab.path("tidemark.yml"))
        expect("half a restore is not served", code == 1 and "did not finish" in err, code, err)
        code, _, err = run(self.binary, "restore", backup, into)
        expect("and can be run again", code == 0 and os.listdir(fresh) == ["tidemark"], err, os.listdir(fresh))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    with labs.Lab(args.keep) as lab:
        test = Test(lab, os.path.abspath(args.tidemark))
        test.snapshots()
        test.running()
        test.killed()
        test.refusals(test.stopped())
    print(checks, "checks, all good")


if __name__ == "__main__":
    main()
