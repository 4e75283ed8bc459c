"""A cgroup (v2 or v1) with a memory limit, for one program. Needs root; skip() ends a test that ctest
then counts as skipped (exit code 77)."""
import os
import sys
import time

SKIPPED = 77


def skip(why):
    print("skipped:", why)
    sys.exit(SKIPPED)


class MemoryGroup:
    """No swap. As a context: goes in the end."""

    def __init__(self, megabytes):
        if os.geteuid() != 0:
            skip("only root can make a cgroup")
        self.megabytes = megabytes
        name = f"tidemark-test-{os.getpid()}"
        for root, limit, kind in (("/sys/fs/cgroup", "memory.max", "v2"),
                                  ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "v1")):
            path = os.path.join(root, name)
            try:
                os.mkdir(path)
                if not os.path.exists(os.path.join(path, limit)):  # A plain folder.
                    raise OSError
                with open(os.path.join(path, limit), "w") as f:
                    f.write(str(megabytes << 20))
                self.path, self.kind = path, kind
                return
            except OSError:
                if os.path.isdir(path):
                    os.rmdir(path)
        skip("no cgroup with a memory limit can be made here")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        time.sleep(0.2)
        os.rmdir(self.path)

    def command(self, *args):
        """A command line that runs `args` inside."""
        return ["/bin/sh", "-c", f"echo $$ > {self.path}/cgroup.procs && exec \"$0\" \"$@\"", *args]

    def oom_kills(self):
        name = "memory.events" if self.kind == "v2" else "memory.oom_control"
        with open(os.path.join(self.path, name)) as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("oom_kill "))
