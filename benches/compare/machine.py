"""The machine that figures come from."""
import datetime
import os
import platform
import re
import subprocess

from peers import load_generator


def describe():
    return {
        "date": datetime.date.today().isoformat(),
        "processor": first(r"model name\s*: (.+)", "/proc/cpuinfo") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(first(r"MemTotal:\s+(\d+)", "/proc/meminfo")) / 2**20, 1),
        "kernel": platform.release(),
        "system": (first(r'PRETTY_NAME="(.+)"', "/etc/os-release") or platform.system()),
        "virtualised": virtualised(),
        "load_generator": said_by(load_generator(), "--version"),
        "commit": said_by("git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"),
    }


def virtualised():
    """Under what, or that nothing tells of it."""
    flags = first(r"flags\s*: (.+)", "/proc/cpuinfo") or ""
    vendor = re.search(r"Hypervisor vendor:\s+(\S+)", said_by("lscpu"))
    return vendor[1] if vendor else "yes" if "hypervisor" in flags.split() else "no"


def first(pattern, path):
    try:
        with open(path) as file:
            found = re.search(pattern, file.read())
    except OSError:
        return None
    return found and found[1].strip()


def said_by(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout.strip()
    except OSError:
        return "not known"


def in_words(machine):
    return (f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
            f"virtualised: {machine['virtualised']}, Linux {machine['kernel']}, {machine['system']}, "
            f"commit {machine['commit']}, {machine['load_generator']}")
