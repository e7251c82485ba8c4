#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits, kernels and peers in one run.

    python3 bench/run.py [--workloads w1,w7] [--repeat 7] [--seconds 0.4] [--peers] [--build build]
                         [--document docs/benchmarks.md]

Each workload is timed on one core, in turns: the hand-written limit, ebmc, each peer, and again; what is
shown are medians. The table goes to the terminal, everything measured to build/bench/results.json. --peers
needs bench/peers/setup to have been run; --peers=DIR names its environment. --document FILE puts the figures
between the marks of a Markdown file, as docs/benchmarks.md has them."""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from workloads import TRAINING, WORKLOADS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PEERS = {"jax": "jax_peer.py", "torchebm": "torchebm_peer.py"}
TRAINING_PEERS = {"jax": ["jax_train.py"], "torchebm": ["torchebm_train.py"],
                  "compiled": ["torchebm_train.py", "compile"]}
THREADS_SECONDS = 1.0
OTHERS_SHARE = 0.03  # of the machine
LIMIT_FLAGS = ["-std=gnu17", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-w"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr.strip()}")
    return done.stdout


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


# ---- the machine


def machine():
    model = platform.machine()
    flags = set()
    with open("/proc/cpuinfo") as f:
        for line in f:
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
            elif key.strip() == "flags":
                flags = set(value.split())
                break
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return {"cpu": model, "vectors": vectors, "cores": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d")}


def one_core():
    """Run in the child: a measurement stays where it began."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


# ---- what is timed; each has turn(), which gives one measurement or None


class Limit:
    def __init__(self, build, name, workload, seconds):
        self.name = name
        self.program = os.path.join(build, f"limit_{name}")
        defines = [f"-D{k}={v}" if v != "" else f"-D{k}" for k, v in workload.defines.items()]
        compile_limit(workload.limit, self.program, [*defines, f'-DNAME="{name}"'])
        self.seconds = str(seconds)

    def turn(self):
        for line in json_lines(run([self.program, self.seconds, self.name], preexec_fn=one_core)):
            if line["name"] == self.name:
                return line
        raise RuntimeError(f"{self.program} says nothing of {self.name}")

    def close(self):
        pass


class Kernel:
    def __init__(self, build, workload, seconds, threads=1):
        self.threads = threads
        self.command = [os.path.join(build, "ebm_bench"), os.path.join(HERE, "models", workload.model),
                        workload.sampler, f"chains={workload.chains}", f"threads={threads}", f"seconds={seconds}"]
        self.command += [f"{k}={v}" for k, v in workload.settings.items()]
        if workload.data:
            self.command += [f"{n}:{os.path.join(build, n)}.npy" for n in ("X", "y")]

    def turn(self):
        return json_lines(run(self.command, preexec_fn=one_core if self.threads == 1 else None))[0]

    def close(self):
        pass


class Trainer(Kernel):
    """The kernel of a training step."""

    def __init__(self, build, workload, seconds, threads=1):
        self.threads = threads
        self.command = [os.path.join(build, "train_bench"), os.path.join(HERE, "models", workload.model),
                        workload.loss, f"batch={workload.batch}", f"threads={threads}", f"seconds={seconds}"]
        self.command += [f"static:{k}={v}" for k, v in workload.statics.items()]
        self.command += [f"{k}={v}" for k, v in workload.settings.items()]


class Peer:
    """A process that measures once for every line it is sent."""

    def __init__(self, python, script, build, name, seconds, *more):
        self.process = subprocess.Popen(
            [python, os.path.join(HERE, "peers", script), name, str(seconds), *more], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=dict(os.environ, BENCH_DATA=build), preexec_fn=one_core)
        self.ready = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[1]} ended")
        return json.loads(line)

    def turn(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# ---- building


def compile_limit(source, program, defines):
    cc = os.environ.get("LIMIT_CC") or next((c for c in ("clang-19", "clang") if shutil.which(c)), "clang")
    run([cc, *LIMIT_FLAGS, *defines, os.path.join(HERE, "limits", source + ".c"), "-o", program, "-lm"])


def build_kernel_timer(meson_build, build):
    library = os.path.join(meson_build, "api")
    if not any(name.startswith("libebm.so") for name in (os.listdir(library) if os.path.isdir(library) else [])):
        return False
    for name in ("ebm_bench", "train_bench"):
        run([os.environ.get("CC", "cc"), "-O2", "-std=gnu17", "-I" + os.path.join(ROOT, "include"),
             os.path.join(HERE, name + ".c"), "-o", os.path.join(build, name),
             "-L" + library, "-lebm", "-lm", "-Wl,-rpath," + os.path.abspath(library)])
    return True


def make_data(build):
    if not all(os.path.exists(os.path.join(build, n)) for n in ("X.npy", "y.npy")):
        say("writing the regression's data ...")
        run([sys.executable, os.path.join(HERE, "make_data.py"), build])


# ---- measuring


def start(make, what):
    try:
        return make()
    except (RuntimeError, OSError) as error:
        say(f"{what} is left out: {error}")
        return None


def sampling_makers(name, args, build, have_kernels):
    workload = WORKLOADS[name]
    makers = {"limit": lambda: Limit(build, name, workload, args.seconds)}
    if have_kernels:
        makers["ebmc"] = lambda: Kernel(build, workload, args.seconds)
    for peer, script in PEERS.items():
        makers[peer] = lambda script=script: Peer(python_of(args), script, build, name, args.seconds)
    return makers


def training_makers(name, args, build, have_kernels):
    makers = {"ebmc": lambda: Trainer(build, TRAINING[name], args.seconds)} if have_kernels else {}
    for peer, script in TRAINING_PEERS.items():
        makers[peer] = lambda script=script: Peer(python_of(args), script[0], build, name, args.seconds, *script[1:])
    return makers


def python_of(args):
    return os.path.join(args.peers, "bin", "python")


def measure_workload(name, args, build, have_kernels, libraries):
    workload = WORKLOADS.get(name) or TRAINING[name]
    find = sampling_makers if name in WORKLOADS else training_makers
    makers = find(name, args, build, have_kernels)
    if not args.peers:
        makers = {k: m for k, m in makers.items() if k in ("limit", "ebmc")}
    runners = {k: start(m, f"{name}: {k}") for k, m in makers.items()}
    turns = {k: [] for k, r in runners.items() if r}
    for _ in range(args.repeat):
        for key in list(turns):
            try:
                turns[key].append(runners[key].turn())
            except RuntimeError as error:
                say(f"{name}: {key} is left out: {error}")
                del turns[key]
    for key, runner in runners.items():
        if isinstance(runner, Peer):
            libraries[key] = runner.ready["library"]
        if runner:
            runner.close()
    return summarize(workload, turns)


def summarize(workload, turns):
    result = {}
    for key, lines in turns.items():
        scale = 1 if key == "limit" else workload.units  # limits count in the unit shown
        rates = [line["rate"] * scale for line in lines]
        result[key] = {"rate": statistics.median(rates), "low": min(rates), "high": max(rates),
                       "check": lines[-1]["check"]}
        if key == "ebmc":
            result[key]["rejected"] = lines[-1]["rejected"]
            result[key]["rss_bytes"] = lines[-1]["rss_bytes"]
    return result


def measure_peak(build, seconds, repeat):
    """The best of several: what a core can do, not what its neighbours leave of it."""
    program = os.path.join(build, "limit_peak")
    compile_limit("peak", program, [])
    peak = {}
    for _ in range(repeat):
        for line in json_lines(run([program, str(seconds)], preexec_fn=one_core)):
            peak[line["name"]] = max(peak.get(line["name"], 0), line["rate"])
    return peak


def processor_seconds():
    """What all cores together worked, or were kept from working by the host, since the machine started."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq, steal = (int(x) for x in f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def watched(turn):
    """What a turn gives, and the share of the machine that others took meanwhile."""
    wall, all_cores, own = time.perf_counter(), processor_seconds(), children_seconds()
    line = turn()
    others = processor_seconds() - all_cores - (children_seconds() - own)
    return line, others / ((time.perf_counter() - wall) * os.cpu_count())


def measure_threads(name, args, build):
    """Wall time of one thread and of two, in turns, each longer than a few of the runtime's ranges. A pair of turns
    during which others took a part of the machine says nothing of two cores: there is another one instead."""
    workload, kind = (WORKLOADS[name], Kernel) if name in WORKLOADS else (TRAINING[name], Trainer)
    kernels = {n: kind(build, workload, max(args.seconds, THREADS_SECONDS), n) for n in (1, 2)}
    pairs = []
    for _ in range(3 * args.repeat):
        rate, others = {}, 0
        for n, kernel in kernels.items():
            line, share = watched(kernel.turn)
            rate[n] = line["rate"] * (line["cpu_s"] / line["wall_s"] if n == 1 else 1)
            others = max(others, share)
        pairs.append((others, rate[1], rate[2]))
        quiet = [pair for pair in pairs if pair[0] <= OTHERS_SHARE]
        if len(quiet) == args.repeat:
            break
    disturbed = len(quiet) < min(3, args.repeat)
    kept = pairs if disturbed else quiet
    one, two = (statistics.median(pair[n] for pair in kept) for n in (1, 2))
    return {"one": one * workload.units, "two": two * workload.units, "disturbed": disturbed, "pairs": pairs,
            "ratio": statistics.median(pair[2] / pair[1] for pair in kept)}


def timed(command, env):
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{error}")
    return time.perf_counter() - begin, usage.ru_maxrss * 1024


def command_line(tool, workload, chains, steps, output):
    settings = [f"--{k.replace('_', '-')}={v}" for k, v in workload.settings.items()]
    return [tool, os.path.join(HERE, "models", workload.model), "--sampler", workload.sampler, *settings, "--chains",
            str(chains), "--steps", str(steps), "--quiet", "-o", output]


def measure_first_sample(name, args, tool):
    """From the command to a file of draws: compiling, and again from the cache."""
    cold, warm = [], []
    for _ in range(args.repeat):
        with tempfile.TemporaryDirectory() as folder:
            env = dict(os.environ, EBM_CACHE_DIR=os.path.join(folder, "cache"))
            command = command_line(tool, WORKLOADS[name], 16, 1, os.path.join(folder, "draws.npy"))
            cold.append(timed(command, env)[0])
            warm.append(timed(command, env)[0])
    return {"cold_s": statistics.median(cold), "cached_s": statistics.median(warm)}


def measure_memory(args, tool):
    """Peak memory of a run that keeps next to nothing, and of one that keeps 128 MiB more."""
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, EBM_CACHE_DIR=os.path.join(folder, "cache"))
        output = os.path.join(folder, "draws.npy")
        rss = {}
        for steps in (1, 1, 257):  # the first one compiles
            rss[steps] = timed(command_line(tool, WORKLOADS["w1"], 1024, steps, output), env)[1]
    kept = 1024 * 128 * 4
    return {"kept_bytes": 257 * kept, "rss_bytes": rss[257], "rss_without_bytes": rss[1],
            "more_per_byte_kept": (rss[257] - rss[1]) / (256 * kept)}


# ---- showing


def roofline(workload, peak):
    """The rate at which the products, or reading the data, would take all the time."""
    rates = []
    if workload.flops:
        rates.append(peak["fma"] / workload.flops)
    if workload.bytes:
        rates.append(peak["read_20MB"] / workload.bytes)
    return min(rates) if rates else None


def training_limit(workload, peak):
    """Steps a second if nothing but the products and the random numbers took time."""
    return 1 / (workload.flops / peak["fma"] + workload.normals / peak["normals"])


def number(x):
    if x is None:
        return "-"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if x >= size:
            return f"{x / size:.3g} {letter}"
    return f"{x:.3g}"


def ratio(x, y, form="{:.1f}x"):
    return form.format(x / y) if x and y else "-"


def present(peers, results):
    return [p for p in peers if any(p in r for r in results.values())]


def training_table(results):
    done = {n: r for n, r in results["workloads"].items() if n in TRAINING}
    peers = present(TRAINING_PEERS, done)
    rows = [["training step", "unit", "limit", "ebmc", "of limit", *(f"to {p}" for p in peers)]]
    for name, result in done.items():
        workload = TRAINING[name]
        rate = {k: r["rate"] for k, r in result.items()}
        limit = training_limit(workload, results["peak"])
        rows.append([f"{name}: {workload.title}", workload.unit, number(limit), number(rate.get("ebmc")),
                     ratio(rate.get("ebmc"), limit, "{:.0%}"), *(ratio(rate.get("ebmc"), rate.get(p)) for p in peers)])
    return rows


def table(results):
    done = {n: r for n, r in results["workloads"].items() if n in WORKLOADS}
    peers = present(PEERS, done)
    rows = [["workload", "unit", "limit", "ebmc", "of limit", "of roofline", *(f"to {p}" for p in peers)]]
    for name, result in done.items():
        workload = WORKLOADS[name]
        rate = {k: r["rate"] for k, r in result.items()}
        ebmc, limit = rate.get("ebmc"), rate.get("limit")
        rows.append([f"{name}: {workload.title}", workload.unit, number(limit), number(ebmc),
                     ratio(ebmc, limit, "{:.0%}"), ratio(ebmc, roofline(workload, results["peak"]), "{:.0%}"),
                     *(ratio(ebmc, rate.get(p)) for p in peers)])
    return rows


def markdown(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows = [rows[0], ["-" * w for w in widths], *rows[1:]]
    return ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths)) + " |" for row in rows]


def whole_runs(results):
    for name, t in results.get("threads", {}).items():
        unit = (WORKLOADS.get(name) or TRAINING[name]).unit
        yield (f"- two threads, {name}: {number(t['two'])} {unit} against {number(t['one'])}, "
               f"{t['ratio']:.2f}x{' (the machine had other work)' if t['disturbed'] else ''}")
    for name, t in results.get("first_sample", {}).items():
        yield f"- first sample, {name}: {t['cold_s']:.3f} s compiling, {t['cached_s']:.3f} s from the cache"
    if "memory" in results:
        m = results["memory"]
        yield (f"- peak memory: {m['rss_without_bytes'] / 2**20:.0f} MiB, and {m['more_per_byte_kept']:.2f} bytes a "
               "byte of draws kept")


def busy(results):
    return results["machine"]["load"] > 0.5


def report(results, with_whole_runs):
    m, peak = results["machine"], results["peak"]
    yield (f"{m['cpu']}, {m['vectors']}, one of {m['cores']} cores: {number(peak['fma'])}flop/s; reads "
           f"{number(peak['read_20MB'])}B/s from 20 MB, {number(peak['read_1GiB'])}B/s from 1 GiB.")
    yield f"{m['date']}; load {m['load']:.1f} before. {'; '.join(results['libraries'].values())}".rstrip()
    yield ""
    for rows in (table(results), training_table(results)):
        if len(rows) > 1:
            yield from markdown(rows)
            yield ""
    if with_whole_runs:
        yield from whole_runs(results)
    else:
        yield "Two threads, first sample and memory are left out: the machine had other work."


def write_document(path, lines):
    """Replaces what stands between the two marks."""
    begin, end = "<!-- figures -->\n", "<!-- end of figures -->\n"
    with open(path) as f:
        text = f.read()
    before, after = text.index(begin) + len(begin), text.index(end)
    with open(path, "w") as f:
        f.write(text[:before] + "\n" + "\n".join(lines) + "\n\n" + text[after:])


def warn(results):
    if busy(results):
        say(f"note: this machine was busy (load {results['machine']['load']:.1f}); wall times suffer from that")
    for name, result in results["workloads"].items():
        if name in WORKLOADS and WORKLOADS[name].stationary and "ebmc" in result and "limit" in result:
            ours, theirs = result["ebmc"]["check"], result["limit"]["check"]
            if not abs(ours - theirs) < 0.05 * abs(theirs):
                say(f"WRONG: {name}: mean square {ours:.4f}, the limit's is {theirs:.4f}")
        if result.get("ebmc", {}).get("rejected"):
            say(f"note: {name}: {result['ebmc']['rejected']} non-finite steps")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", default=",".join([*WORKLOADS, *TRAINING]),
                        help=", ".join([*WORKLOADS, *TRAINING]))
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4, help="of one measurement")
    parser.add_argument("--peers", nargs="?", const=os.path.join(ROOT, "build", "peers"), help="their environment")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="meson's build folder")
    parser.add_argument("--output", help="for everything measured, as JSON")
    parser.add_argument("--document", help="a Markdown file whose figures are replaced")
    args = parser.parse_args()
    args.workloads = args.workloads.split(",")
    for name in args.workloads:
        if name not in WORKLOADS and name not in TRAINING:
            parser.error(f"no workload '{name}'; there are {', '.join([*WORKLOADS, *TRAINING])}")
    return args


def main():
    args = arguments()
    build = os.path.abspath(os.path.join(args.build, "bench"))
    make_data(build)
    have_kernels = build_kernel_timer(args.build, build)
    if not have_kernels:
        say("ebmc is left out: it is not built (scripts/build)")
    results = {"machine": machine(), "peak": measure_peak(build, args.seconds, args.repeat),
               "libraries": {}, "workloads": {}}
    for name in args.workloads:
        say(f"{name} ...")
        results["workloads"][name] = measure_workload(name, args, build, have_kernels, results["libraries"])
    tool = os.path.join(args.build, "tools", "ebmc")
    if have_kernels and os.path.exists(tool):
        measure_whole_runs(results, args, build, tool)
    output = args.output or os.path.join(build, "results.json")
    with open(output, "w") as f:
        json.dump(results, f, indent=1)
    print("\n".join(report(results, True)))
    if args.document:
        write_document(args.document, list(report(results, not busy(results))))
    warn(results)


def measure_whole_runs(results, args, build, tool):
    for key, names, what in (("threads", ("w1", "w7", "cd", "sm_16"), lambda n: measure_threads(n, args, build)),
                             ("first_sample", ("w1", "w7"), lambda n: measure_first_sample(n, args, tool))):
        say(f"{key} ...")
        done = {n: start(lambda n=n: what(n), f"{n}: {key}") for n in names if n in args.workloads}
        results[key] = {n: r for n, r in done.items() if r}
    if "w1" in args.workloads:
        memory = start(lambda: measure_memory(args, tool), "memory")
        if memory:
            results["memory"] = memory


if __name__ == "__main__":
    main()
