#!/usr/bin/env python3
"""What Grafana's Prometheus data source relies on, asked of a running server.

    tests/e2e/grafana_contract.py http://127.0.0.1:9090

Prints `ok` or `FAIL` for each point; exits 1 when one failed. It only reads, and takes whatever
the server holds: `up` should be among it.
"""
import gzip
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

BASE = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:9090").rstrip("/")
NOW = int(time.time())
failed = 0


def fetch(path, form=None, headers=None, method=None):
    """(code, headers, bytes) of a GET, or of a POST when there is a form."""
    body = None if form is None else urllib.parse.urlencode(form, doseq=True).encode()
    request = urllib.request.Request(BASE + path, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def ask(path, form=None, code=200, method=None):
    got, headers, body = fetch(path, form, method=method)
    assert got == code, f"HTTP {got}: {body[:300]!r}"
    assert headers["Content-Type"].startswith("application/json"), headers["Content-Type"]
    return json.loads(body)


def check(name):
    def run(body):
        global failed
        try:
            body()
            print(f"ok    {name}")
        except Exception as error:  # Every kind of failure is one line.
            failed += 1
            print(f"FAIL  {name}: {type(error).__name__}: {error}")
    return run


@check("save and test: 1+1 at second 4")
def _():
    for answer in (ask("/api/v1/query", {"query": "1+1", "time": "4"}),
                   ask("/api/v1/query?query=1%2B1&time=4")):
        assert answer["data"] == {"resultType": "scalar", "result": [4, "2"]}, answer


@check("buildinfo: strings, a 3.x version, no features")
def _():
    data = ask("/api/v1/status/buildinfo")["data"]
    assert data["version"].startswith("3."), data
    assert not data.get("features") and "application" not in data, data
    assert all(isinstance(value, str) for value in data.values()), data


@check("exemplar probe with milliseconds")
def _():
    form = {"query": "test", "start": (NOW - 1800) * 1000, "end": NOW * 1000}
    for answer in (ask("/api/v1/query_exemplars", form),
                   ask("/api/v1/query_exemplars?" + urllib.parse.urlencode(form))):
        assert answer == {"status": "success", "data": []}, answer


@check("rules, with every parameter Grafana sends")
def _():
    assert "groups" in ask("/api/v1/rules")["data"]
    data = ask("/api/v1/rules?type=alert&exclude_alerts=true&group_limit=1&file[]=x&rule_group[]=y")
    assert len(data["data"]["groups"]) <= 1
    assert isinstance(ask("/api/v1/alerts")["data"]["alerts"], list)


@check("label values: limit, POST with parameters in the URL, escaped names")
def _():
    names = ask("/api/v1/label/__name__/values?limit=5")["data"]
    assert len(names) <= 5 and names == sorted(names), names
    ask("/api/v1/label/job/values?match[]=up", form={}, method="POST")
    assert ask("/api/v1/label/U__a_2e_b/values")["data"] == []
    ask('/api/v1/label/job/values?match[]={__name__=~".*u.*"}&limit=1000'.replace('"', "%22"))


@check("label names: body and URL together")
def _():
    data = ask("/api/v1/labels?match[]=up", {"limit": "3"})["data"]
    assert "job" in data or len(data) <= 3, data


@check("a limit that cuts says so, one that does not is silent")
def _():
    everything = ask("/api/v1/label/__name__/values")
    count = len(everything["data"])
    assert "warnings" not in everything
    assert "warnings" not in ask(f"/api/v1/label/__name__/values?limit={count or 1}")
    if count > 1:
        cut = ask(f"/api/v1/label/__name__/values?limit={count - 1}")
        assert cut["warnings"] == ["results truncated due to limit"], cut.get("warnings")


@check("metadata: limits")
def _():
    assert len(ask("/api/v1/metadata?limit=1")["data"]) <= 1
    for entries in ask("/api/v1/metadata?limit=40000")["data"].values():
        assert {"type", "help", "unit"} == set(entries[0]), entries


@check("series: POST, limit")
def _():
    form = {"match[]": ["up", '{__name__!=""}'], "start": NOW - 60, "end": NOW, "limit": 1}
    assert len(ask("/api/v1/series", form)["data"]) <= 1


@check("range query: fractions, stats in the URL, unknown parameters")
def _():
    form = {"query": "up", "start": f"{NOW - 60}.5", "end": NOW, "step": "0.5"}
    data = ask("/api/v1/query_range?stats=all&zzz=1", form)["data"]
    assert data["resultType"] == "matrix" and "totalQueryableSamples" in data["stats"]["samples"]
    for series in data["result"]:
        assert all(isinstance(t, (int, float)) and isinstance(v, str) for t, v in series["values"])


@check("resultType stands before result, seriesLabels before exemplars")
def _():
    _, _, body = fetch("/api/v1/query", {"query": "up"})
    assert body.index(b'"resultType"') < body.index(b'"result"')


@check("empty results are 200 with []")
def _():
    data = ask("/api/v1/query", {"query": "there_is_no_such_metric"})["data"]
    assert data == {"resultType": "vector", "result": []}, data


@check("values JSON has no number for are strings")
def _():
    for query, text in (("0/0", "NaN"), ("1/0", "+Inf"), ("-1/0", "-Inf")):
        assert ask("/api/v1/query", {"query": query, "time": 1})["data"]["result"] == [1, text]


@check("a parse error is 400 bad_data with the place")
def _():
    answer = ask("/api/v1/query", {"query": "up{"}, code=400)
    assert answer["status"] == "error" and answer["errorType"] == "bad_data", answer
    assert "1:4: parse error" in answer["error"], answer


@check("too many points are 400")
def _():
    form = {"query": "up", "start": 0, "end": NOW, "step": 1}
    assert "11,000 points" in ask("/api/v1/query_range", form, code=400)["error"]


@check("unescaped brackets, braces and quotes in the URL")
def _():
    import http.client
    parts = urllib.parse.urlsplit(BASE)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.putrequest("GET", parts.path + "/api/v1/series?match[]=up", skip_accept_encoding=True)
    connection.endheaders()
    assert connection.getresponse().status == 200


@check("gzip when asked for, plain when not")
def _():
    _, headers, body = fetch("/api/v1/labels", headers={"Accept-Encoding": "gzip, deflate, br"})
    assert headers["Content-Encoding"] == "gzip", dict(headers)
    assert json.loads(gzip.decompress(body))["status"] == "success"
    _, headers, _ = fetch("/api/v1/labels", headers={"Accept-Encoding": "br"})
    assert headers["Content-Encoding"] is None, dict(headers)


@check("the rest of what clients ask for")
def _():
    for path in ("format_query?query=up", "parse_query?query=up", "status/config", "status/flags",
                 "status/runtimeinfo", "status/tsdb", "status/tsdb/blocks", "status/walreplay",
                 "targets", "scrape_pools", "targets/metadata", "features", "alertmanagers"):
        ask(f"/api/v1/{path}")
    for path in ("/-/healthy", "/-/ready", "/metrics", "/federate?match[]=up"):
        assert fetch(path)[0] == 200, path


sys.exit(1 if failed else 0)
