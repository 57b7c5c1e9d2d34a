"""Images for a machine that reaches no registry: bases by debootstrap, stand-ins from Debian."""
import pathlib
import re
import shutil
import subprocess

from engine import REPOSITORY

BASE = "debian:bookworm-slim"
SWIFT = "swift:6.3-bookworm"
PACKAGES_OF_SWIFT = (
    "binutils ca-certificates git libc6-dev libedit2 libgcc-12-dev libncurses6 libpython3.11"
    " libsqlite3-0 libstdc++-12-dev libxml2 libz3-4 pkg-config tzdata zlib1g-dev")

# Official name → what makes the same of Debian's package: user, paths, entry point.
STAND_INS = {
    "redis:7.0.15": """
RUN groupadd -r -g 999 redis && useradd -r -u 999 -g redis redis && apt-get update \\
    && apt-get install -y --no-install-recommends redis-server redis-sentinel redis-tools \\
    && rm -rf /var/lib/apt/lists/* && mkdir /data && chown redis:redis /data
VOLUME /data
WORKDIR /data
CMD ["redis-server"]
""",
    "haproxy:2.6.12": """
RUN apt-get update && apt-get install -y --no-install-recommends haproxy \\
    && rm -rf /var/lib/apt/lists/* && usermod -u 99 haproxy && groupmod -g 99 haproxy
STOPSIGNAL SIGUSR1
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
""",
    "prom/prometheus:v2.42.0": """
RUN apt-get update && apt-get install -y --no-install-recommends prometheus \\
    && rm -rf /var/lib/apt/lists/* && mkdir /prometheus && chown nobody /prometheus
VOLUME /prometheus
USER nobody
ENTRYPOINT ["/usr/bin/prometheus"]
""",
    "prom/alertmanager:v0.25.0": """
RUN apt-get update && apt-get install -y --no-install-recommends prometheus-alertmanager \\
    && rm -rf /var/lib/apt/lists/* && mkdir /alertmanager && chown nobody /alertmanager
VOLUME /alertmanager
USER nobody
ENTRYPOINT ["/usr/bin/prometheus-alertmanager"]
""",
    "oliver006/redis_exporter:v1.45.0": """
RUN apt-get update && apt-get install -y --no-install-recommends prometheus-redis-exporter \\
    && rm -rf /var/lib/apt/lists/*
USER 59000:59000
ENTRYPOINT ["/usr/bin/prometheus-redis-exporter"]
""",
}


def make_base(engine):
    """debian:bookworm-slim, from wherever this machine's own packages come from."""
    if engine.has_image(BASE):
        return
    root = engine.work / "base"
    shutil.rmtree(root, ignore_errors=True)
    engine.run("debootstrap", "--variant=minbase", "bookworm", root, _mirror())
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    for source in _sources():
        shutil.copy(source, root / "etc/apt/sources.list.d")
    for settings in pathlib.Path("/etc/apt/apt.conf.d").iterdir():
        if re.search(r"^\s*Acquire", settings.read_text(errors="replace"), re.MULTILINE):
            shutil.copy(settings, root / "etc/apt/apt.conf.d")
    # Debian starts servers as they are installed; and an image keeps no packages.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    # As in the official image: apt keeps nothing that it can fetch again.
    (root / "etc/apt/apt.conf.d/docker-clean").write_text(
        'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";\n'
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\n')
    engine.run("chroot", root, "apt-get", "clean")
    for cache in (root / "var/cache/apt").glob("*.bin"):
        cache.unlink()
    for downloaded in (root / "var/lib/apt/lists").glob("*_*"):
        downloaded.unlink()
    tar = engine.work / "base.tar"
    engine.run("tar", "-C", root, "-cf", tar, ".")
    engine.podman("import", tar, BASE)
    tar.unlink()
    shutil.rmtree(root)


def _sources():
    """Apt's sources of Debian itself."""
    files = [pathlib.Path("/etc/apt/sources.list"),
             *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    return [file for file in files if file.exists()
            and re.search(r"^\s*[^#]*debian-archive-keyring|^deb .*\bbookworm(-updates)? .*main",
                          file.read_text(), re.MULTILINE)]


def _mirror():
    for source in _sources():
        found = re.search(r"^(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s*)?)(\S+)", source.read_text(),
                          re.MULTILINE)
        if found:
            return found.group(1)
    raise RuntimeError("no Debian mirror in /etc/apt")


def make_stand_ins(engine):
    """What docker-compose.yml names, made of Debian's packages."""
    for name, text in STAND_INS.items():
        if not engine.has_image(name):
            _build(engine, name, text)
            engine.report.say(f"stand-in {name}")


def make_swift(engine):
    """The build image: Debian and what Swift needs. The toolchain itself is lent at build time."""
    if not engine.has_image(SWIFT):
        _build(engine, SWIFT, f"""
RUN apt-get update && apt-get install -y --no-install-recommends {PACKAGES_OF_SWIFT} \\
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/swift/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
""")
        engine.report.say(f"stand-in {SWIFT}")


def _build(engine, name, text):
    context = engine.work / "context"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"FROM {BASE}\n{text}")
    engine.build(name, context, context / "Dockerfile")


def make_ours(engine, is_prebuilt):
    """The images of the Dockerfile."""
    dockerfile = REPOSITORY / "Dockerfile"
    options = []
    if is_prebuilt:
        # The binaries of `make build` in place of the stage that builds them.
        stage = ("FROM debian:bookworm-slim AS build\n"
                 "COPY .build/release/meliproxy .build/release/demo-api /out/\n\n")
        text = re.sub(r"FROM swift:.*?(?=^FROM )", stage, dockerfile.read_text(),
                      flags=re.DOTALL | re.MULTILINE)
        dockerfile = engine.work / "Dockerfile"
        dockerfile.write_text(text)
    else:
        make_swift(engine)
        toolchain = pathlib.Path(shutil.which("swift")).resolve().parents[2]
        cache = engine.work / "swiftpm-cache"
        if not cache.exists():
            shutil.copytree(pathlib.Path.home() / ".cache/org.swift.swiftpm", cache, symlinks=True)
        options = ["--volume", f"{toolchain}:/opt/swift:ro",
                   "--volume", f"{cache}:/root/.cache/org.swift.swiftpm"]
    for target, name in (("meliproxy", "meliproxy"), ("demo", "meliproxy-demo"),
                         ("load", "meliproxy-load")):
        engine.build(f"{name}:0.1.0", REPOSITORY, dockerfile, "--target", target, *options,
                     within=3600)
        engine.report.say(f"built {name}")


def contents(engine, name):
    """Size, user and largest parts of an image, for people."""
    about = engine.podman("image", "inspect", "--format",
                          "{{.Size}} {{.Config.User}} {{len .RootFS.Layers}}", name).split()
    files = engine.podman(
        "run", "--rm", "--network=none", "--user=0", "--entrypoint", "/bin/sh", name, "-c",
        "du -xsb /usr/local/bin/* /usr/bin/wrk /usr/lib /usr/share /var /etc 2>/dev/null; true"
    ).splitlines()
    return int(about[0]), about[1], files


def machine():
    """What the test ran on."""
    version = subprocess.run(["podman", "--version"], capture_output=True, text=True).stdout
    return version.strip()
