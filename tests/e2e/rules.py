#!/usr/bin/env python3
"""Files of rules and of their tests through tidemark and through promtool, where that is installed.

    tests/e2e/rules.py --tidemark build/release/tidemark

Each case of CASES must be judged as it says, by `tidemark test rules` and by `promtool test rules`; so must the rule
files of CHECKS by `check rules`. Cases beyond Debian's promtool (2.42) say so.
"""
import argparse
import os
import re
import shutil
import subprocess
import tempfile

RULES = """
groups:
- name: records
  interval: 30s
  rules:
  - {record: "job:m:sum", expr: sum by (job) (m)}
  - {record: "job:m:rate5m", expr: 'rate(job:m:sum[5m])', labels: {kind: rate}}
  - {record: constant, expr: "42"}
  - {record: "m:big", expr: m > 100}
- name: alerts
  rules:
  - alert: Big
    expr: m > 100
    for: 2m
    labels: {severity: '{{ if gt $value 200.0 }}page{{ else }}warn{{ end }}', pod: ""}
    annotations:
      summary: '{{ $labels.job | title }}/{{ .Labels.missing }}: {{ $value | humanize }} ({{ printf "%.1f" $value }})'
      all: '{{ range $i, $s := query "job:m:sum" | sortByLabel "job" }}{{ if $i }}, {{ end }}{{ .Labels.job }}={{ .Value }}{{ end }}'
      took: '{{ humanizeDuration 3661.5 }} {{ humanizePercentage 0.1234 }} {{ humanize1024 2048.0 }} {{ humanizeTimestamp 1e9 }}'
      text: '{{ reReplaceAll "(.).*" "$1" $labels.job }}{{ toUpper "a" }}{{ match "a|b" $labels.job }}{{ len $labels }}'
      defs: '{{ define "x" }}[{{ .arg0 }}]{{ end }}{{ template "x" (args $labels.job) }}{{ with $x := 5 }}{{ $x }}{{ end -}}   !'
      where: '{{ $externalLabels.region }} {{ stripPort "h:80" }} {{ stripDomain "a.b:80" }} {{ graphLink "up{a=\\"b\\"}" }}'
      bad: '{{ humanize "x" }}'
  - {alert: Instant, expr: absent(never), annotations: {v: '{{ $value }} {{ $labels }}'}}
  - {alert: Long, expr: m > 100, for: 1h}
"""

# The answer of `Big` at 5m.
SUMMARY = "{summary: 'Api/: 150 (150.0)', all: 'api=150, db=7', " \
    "took: '1h 1m 1s 12.34% 2ki 2001-09-09 01:46:40 +0000 UTC', text: 'aAtrue3', defs: '[api]5!', " \
    "where: 'eu h a:80 /graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=0', " \
    "bad: '<error expanding template: error executing template __alert_Big: template: __alert_Big:1:115: executing " \
    "\"__alert_Big\" at <humanize \"x\">: error calling humanize: strconv.ParseFloat: parsing \"x\": invalid syntax>'}"

INPUT = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  external_labels: {region: eu}
  input_series:
  - {series: 'm{job="api",pod="1"}', values: '50 150x6 50x10'}
  - {series: 'm{job="db"}', values: '7x20'}
"""

ALERT = """  alert_rule_test:
  - eval_time: %s
    alertname: %s
    exp_alerts: %s
"""
EXPR = """  promql_expr_test:
  - {expr: %s, eval_time: %s, exp_samples: %s}
"""
BIG = "[{exp_labels: {job: api, severity: warn}, exp_annotations: %s}]"
FOR_STATE = "[{labels: 'ALERTS_FOR_STATE{alertname=\"Long\", job=\"api\", pod=\"1\"}', value: 60}]"

# name: (passes, text of the test file, promtool 2.42 judges it too)
CASES = {
    "fires": (True, INPUT + ALERT % ("5m", "Big", BIG % SUMMARY), True),
    "fires late in the interval": (True, INPUT + ALERT % ("5m59s", "Big", BIG % SUMMARY), True),
    "pending is not firing": (True, INPUT + ALERT % ("2m", "Big", "[]"), True),
    "resolved": (True, INPUT + ALERT % ("8m", "Big", "[]"), True),
    "not resolved": (False, INPUT + ALERT % ("8m", "Big", BIG % SUMMARY), True),
    "other label": (False, INPUT + ALERT % ("5m", "Big", (BIG % SUMMARY).replace("warn", "page")), True),
    "other annotation": (False, INPUT + ALERT % ("5m", "Big", (BIG % SUMMARY).replace("2ki", "2Ki")), True),
    "no such alert": (True, INPUT + ALERT % ("5m", "Nobody", "[]"), True),
    "missed": (False, INPUT + ALERT % ("5m", "Big", "[]"), True),
    "at once": (True, INPUT + ALERT % ("0", "Instant", "[{exp_annotations: {v: '1 map[]'}}]"), True),
    "empty annotation": (False, INPUT + ALERT % ("0", "Instant", "[{exp_annotations: {v: ''}}]"), True),
    "no alertname": (False, INPUT + "  alert_rule_test: [{eval_time: 1m}]\n", True),
    "sum": (True, INPUT + EXPR % ("'job:m:sum'", "3m",
                                  "[{labels: 'job:m:sum{job=\"api\"}', value: 150}, "
                                  "{labels: 'job:m:sum{job=\"db\"}', value: 7}]"), True),
    "sum in other order": (True, INPUT + EXPR % ("'job:m:sum'", "3m",
                                                 "[{labels: 'job:m:sum{job=\"db\"}', value: 7}, "
                                                 "{labels: 'job:m:sum{job=\"api\"}', value: 150}]"), True),
    "sample too few": (False, INPUT + EXPR % ("'job:m:sum'", "3m",
                                              "[{labels: 'job:m:sum{job=\"db\"}', value: 7}]"), True),
    "label of the rule": (True, INPUT + EXPR % ("'job:m:rate5m{job=\"db\"}'", "9m",
                                                "[{labels: 'job:m:rate5m{job=\"db\",kind=\"rate\"}', value: 0}]"),
                          True),
    "constant": (True, INPUT + EXPR % ("constant", "1m", "[{labels: constant, value: 42}]"), True),
    "scalar": (True, INPUT + EXPR % ("1 + 1", "1m", "[{labels: '{}', value: 2}]"), True),
    "string": (False, INPUT + EXPR % ("'\"x\"'", "1m", "[]"), True),
    "stale": (True, INPUT + EXPR % ("'m:big'", "8m", "[]"), True),
    "not a number": (False, INPUT + EXPR % ("0 * m{job=\"db\"} / 0", "1m", "[{labels: '{job=\"db\"}', value: .nan}]"),
                     True),
    "infinite": (True, INPUT + EXPR % ("1 / 0", "1m", "[{labels: '{}', value: .inf}]"), True),
    "almost": (False, INPUT + EXPR % ("0.1 + 0.2", "0", "[{labels: '{}', value: 0.3}]"), True),
    "bad expression": (False, INPUT + EXPR % ("'sum('", "1m", "[]"), True),
    "bad labels": (False, INPUT + EXPR % ("m", "1m", "[{labels: 'm{'}]"), True),
    "for state": (True, INPUT + EXPR % ("'ALERTS_FOR_STATE{alertname=\"Long\"}'", "4m", FOR_STATE), True),
    "pending series": (True, INPUT + EXPR % (
        "'ALERTS{alertname=\"Long\"}'", "4m",
        "[{labels: 'ALERTS{alertname=\"Long\", alertstate=\"pending\", job=\"api\", pod=\"1\"}', value: 1}]"), True),
    "several tests": (False, INPUT + "- name: other\n  promql_expr_test: [{expr: '1', exp_samples: []}]\n"
                      "- name: third\n  promql_expr_test: [{expr: never}]\n", True),
    "no tests": (True, "rule_files: [rules.yml]\n", True),
    "no file found": (True, "rule_files: [nothing*.yml]\ntests: [{promql_expr_test: [{expr: never}]}]\n", True),
    "broken rules": (False, "rule_files: [broken.yml]\ntests: [{}]\n", True),
    "broken rules and no test": (True, "rule_files: [broken.yml]\n", True),
    "unknown field": (False, INPUT + "  extra: 1\n", True),
    "bad duration": (False, "evaluation_interval: x\n", True),
    "group twice": (False, "group_eval_order: [a, a]\n", True),
    "bad series": (False, "tests: [{input_series: [{series: 'm{', values: '1'}], promql_expr_test: [{expr: m}]}]\n", True),
    "order of groups": (True, "rule_files: [order.yml]\ngroup_eval_order: [first, second]\ntests:\n"
                        "- input_series: [{series: m, values: '1'}]\n" + EXPR % ("b", "0", "[{labels: b, value: 1}]"), True),
    "two rules write one series": (False, "rule_files: [twice.yml]\ntests: [{promql_expr_test: [{expr: a}]}]\n", True),
    "too many alerts": (False, "rule_files: [limit.yml]\ntests:\n- input_series:\n  - {series: 'm{a=\"1\"}', values: '1'}\n"
                        "  - {series: 'm{a=\"2\"}', values: '1'}\n  promql_expr_test: [{expr: '1'}]\n", True),
    "subquery step": (True, "evaluation_interval: 20s\ntests:\n- promql_expr_test:\n"
                      "  - {expr: 'count_over_time(vector(1)[1m:])', eval_time: 2m, exp_samples: [{labels: '{}', value: %d}]}\n",
                      True),
    # 3.x: ranges leave out their start, histograms, start times, fuzzy comparison.
    "histogram": (True, """tests:
- input_series: [{series: h, values: '{{schema:1 count:3 sum:4 buckets:[1 2]}}x2'}]
""" + EXPR % ("h", "1m", "[{labels: h, histogram: '{{schema:1 count:3 sum:4 counter_reset_hint:not_reset buckets:[1 2]}}'}]"),
        False),
    "start": (True, "tests:\n- start_timestamp: 2020-01-01T00:00:00Z\n" +
              EXPR % ("time()", "1m", "[{labels: '{}', value: 1577836860}]"), False),
    "fuzzy": (True, "fuzzy_compare: true\ntests:\n- " + (EXPR % (
        "0.1 + 0.2", "0", "[{labels: '{}', value: 0.3}]")).lstrip(), False),
    "keep firing": (True, "rule_files: [keep.yml]\ntests:\n- input_series: [{series: m, values: '1 0x10'}]\n" +
                    ALERT % ("2m", "K", "[{}]"), False),
    "kept firing": (True, "rule_files: [keep.yml]\ntests:\n- input_series: [{series: m, values: '1 0x10'}]\n" +
                    ALERT % ("3m", "K", "[]"), False),
}

OTHER_RULES = {
    "rules.yml": RULES,
    "broken.yml": "groups: [{name: g, rules: [{record: a, expr: 'sum('}]}]\n",
    "order.yml": "groups:\n- {name: second, rules: [{record: b, expr: a}]}\n- {name: first, rules: [{record: a, expr: m}]}\n",
    "twice.yml": "groups: [{name: g, rules: [{record: a, expr: '1'}, {record: a, expr: '2'}]}]\n",
    "limit.yml": "groups: [{name: g, limit: 1, rules: [{alert: A, expr: m}]}]\n",
    "keep.yml": "groups: [{name: g, rules: [{alert: K, expr: m > 0, keep_firing_for: 2m}]}]\n",
}

# name: (good, text)
CHECKS = {
    "good": (True, RULES),
    "empty": (True, ""),
    "duplicate rules": (True, OTHER_RULES["twice.yml"]),  # Doubtful only.
    "both": (False, "groups: [{name: g, rules: [{record: a, alert: b, expr: up}]}]"),
    "neither": (False, "groups: [{name: g, rules: [{expr: up}]}]"),
    "no expression": (False, "groups: [{name: g, rules: [{record: a}]}]"),
    "bad expression": (False, OTHER_RULES["broken.yml"]),
    "recording with for": (False, "groups: [{name: g, rules: [{record: a, expr: up, for: 1m}]}]"),
    "recording with annotations": (False, "groups: [{name: g, rules: [{record: a, expr: up, annotations: {a: b}}]}]"),
    "braces": (False, "groups: [{name: g, rules: [{record: 'a{}', expr: up}]}]"),
    "name as label": (False, "groups: [{name: g, rules: [{record: a, expr: up, labels: {__name__: b}}]}]"),
    "group without name": (False, "groups: [{rules: []}]"),
    "group twice": (False, "groups: [{name: g}, {name: g}]"),
    "unknown field": (False, "groups: [{name: g, rulez: []}]"),
    "bad template": (False, "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {a: '{{ if }}'}}]}]"),
    "unknown function": (False, "groups: [{name: g, rules: [{alert: A, expr: up, labels: {a: '{{ foo }}'}}]}]"),
    "undefined variable": (False, "groups: [{name: g, rules: [{alert: A, expr: up, labels: {a: '{{ $foo }}'}}]}]"),
    "template in a recording rule": (True, "groups: [{name: g, rules: [{record: a, expr: up, labels: {a: '{{ if }}'}}]}]"),
    "bad duration": (False, "groups: [{name: g, interval: 5}]"),
    "no mapping": (False, "- a"),
}


def run(program, *words):
    return subprocess.run([program, *words], capture_output=True, text=True, timeout=120)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tidemark", required=True)
    tidemark = os.path.abspath(parser.parse_args().tidemark)
    promtool = shutil.which("promtool")
    if promtool and " 2." not in run(promtool, "--version").stdout.splitlines()[0]:
        promtool = None  # What a test says of promtool it says of Debian 12's.
    judges = [("tidemark", tidemark)] + ([("promtool", promtool)] if promtool else [])
    wrong = []

    def judge(name, program, words, good):
        done = run(program, *words)
        if done.returncode != (0 if good else 1):
            wrong.append(f"{name} {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    with tempfile.TemporaryDirectory(prefix="tidemark-rules-") as folder:
        os.chdir(folder)
        for name, text in OTHER_RULES.items():
            with open(name, "w") as f:
                f.write(text)
        for name, (good, text, old) in CASES.items():
            path = name.replace(" ", "-") + ".test.yml"
            for who, program in judges:
                # A range without its start holds one step less.
                with open(path, "w") as f:
                    f.write(text.replace("value: %d", "value: " + ("3" if who == "tidemark" else "4")))
                if who == "tidemark" or old:
                    done = judge(who, program, ["test", "rules", path], good)
                if who == "tidemark":
                    last = done.stdout.splitlines()[-1]
                    counts = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
                    assert counts and (int(counts[2]) == 0) == (done.returncode == 0), done.stdout
        for name, (good, text) in CHECKS.items():
            path = name.replace(" ", "-") + ".yml"
            with open(path, "w") as f:
                f.write(text)
            for who, program in judges:
                judge(who, program, ["check", "rules", path], good)

        # What promtool prints about a failing test is printed here too, to the letter.
        if promtool:
            for name in ("missed", "other label", "sample too few", "almost"):
                path = name.replace(" ", "-") + ".test.yml"
                ours, theirs = (run(program, "test", "rules", path).stderr for _, program in judges)
                # promtool 2.42 has its commas elsewhere.
                plain = [re.sub(r"\s+", " ", text.replace(", \n", ",\n")).strip() for text in (ours, theirs)]
                if plain[0] != plain[1]:
                    wrong.append(f"{name}: tidemark says\n{ours}\npromtool says\n{theirs}")

        assert not wrong, "\n".join(wrong)
        several = "several-tests.test.yml"
        one = run(tidemark, "test", "rules", "--run=^other$", several)
        assert one.returncode == 1 and "0 passed, 1 failed" in one.stdout, one
        assert run(tidemark, "test", "rules", "--run=third", several).returncode == 0
        done = run(tidemark, "test", "rules", "--junit=out.xml", several, "sum.test.yml")
        assert done.stdout.endswith("3 passed, 1 failed\n"), done.stdout
        before = run(tidemark, "test", "--junit", "before.xml", "rules", several)  # As promtool wants it.
        assert before.returncode == 1 and os.path.getsize("before.xml") > 0, before
        with open("out.xml") as f:
            xml = f.read()
        assert xml.count("<testsuite ") == 2 and xml.count("<testcase ") == 4 and xml.count("<failure>") == 1, xml
        assert "\x1b[" in run(tidemark, "test", "rules", "--diff", "missed.test.yml").stderr
        assert "constant =>\n42 @[0]\n" in run(tidemark, "test", "rules", "--debug", several).stderr
        assert run(tidemark, "test", "rules").returncode == 2
        assert run(tidemark, "test", "rules", "--run=(", several).returncode == 2
        assert run(tidemark, "test", "rules", "nowhere.yml").returncode == 1
        for name, good in (("rules.yml", True), ("broken.yml", False), ("nowhere.yml", False), ("nowhere*.yml", True)):
            with open("prometheus.yml", "w") as f:
                f.write(f"rule_files: ['{name}']\n")
            done = run(tidemark, "check", "config", "prometheus.yml")
            assert done.returncode == (0 if good else 1), (name, done)
        assert run(tidemark, "check", "rules", "--lint-fatal", "duplicate-rules.yml").returncode == 3
        assert run(tidemark, "check", "rules", "unknown-field.yml", "--ignore-unknown-fields").returncode == 0
    print(f"rules: {len(CASES)} tests and {len(CHECKS)} rule files judged alike by {', '.join(w for w, _ in judges)}")


if __name__ == "__main__":
    main()
