# Debian packages and how to get them; sourced by server/run, tests/run and bench/run.

# What a build needs.
BUILD_PACKAGES=(
  g++ cmake ninja-build ccache mold pkg-config
  libjemalloc-dev librocksdb-dev libabsl-dev libboost1.81-dev libsnappy-dev libre2-dev libssl-dev libfyaml-dev
  libprotozero-dev libisal-dev zlib1g-dev libzstd-dev libxxhash-dev libspdlog-dev libfmt-dev
  libgtest-dev libgmock-dev
)

# What the tests run against: real exporters, and Prometheus itself.
TEST_PACKAGES=(
  curl python3 git clang-14
  prometheus prometheus-node-exporter prometheus-alertmanager prometheus-redis-exporter
  prometheus-postgres-exporter redis-server postgresql
)

# What the benches are measured beside.
BENCH_PACKAGES=(curl python3 git zstd prometheus victoria-metrics)

# missing_packages NAME...: those not installed, one a line.
missing_packages() {
  local name
  for name in "$@"; do
    if [[ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" != installed ]]; then
      echo "$name"
    fi
  done
}

# install_packages NAME...: installs what is missing and says so; nothing else. Services that come
# with a package are not started.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [[ ${#missing[@]} -eq 0 ]]; then return 0; fi
  if ! command -v apt-get >/dev/null; then
    echo "These packages are missing, and there is no apt-get here to install them:" >&2
    echo "  ${missing[*]}" >&2
    return 1
  fi
  local root=()
  if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
      echo "These packages are missing. Please install them as root:" >&2
      echo "  apt-get install ${missing[*]}" >&2
      return 1
    fi
    root=(sudo)
  fi
  echo "Installing ${#missing[@]} packages with apt: ${missing[*]}" >&2
  local log policy=/usr/sbin/policy-rc.d made_policy=false status=0
  log=$(mktemp)
  if [[ ! -e $policy ]]; then  # Keeps apt from starting the services it installs.
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod 755 "$policy"
    made_policy=true
  fi
  {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 update &&
      "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 \
        --no-install-recommends install "${missing[@]}"
  } >"$log" 2>&1 </dev/null || status=$?
  if $made_policy; then "${root[@]}" rm -f "$policy"; fi
  if [[ $status -ne 0 ]]; then
    echo "apt-get failed; its last lines:" >&2
    tail -n 15 "$log" >&2
  fi
  rm -f "$log"
  return $status
}

# build_jobs: as many compilers at a time as cores and memory (1.5 GB each) allow.
build_jobs() {
  local cores memory_kb jobs
  cores=$(nproc)
  memory_kb=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
  jobs=$((memory_kb / 1500000))
  if [[ $jobs -gt $cores ]]; then jobs=$cores; fi
  if [[ $jobs -lt 1 ]]; then jobs=1; fi
  echo "$jobs"
}
