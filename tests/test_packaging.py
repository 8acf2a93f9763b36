"""What is written twice says the same: README, Dockerfile, Makefile, lock files, pyproject and CI."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bot import __main__ as command_line
from bot import __version__

HOUSE = Path(__file__).parent.parent
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.lock", "requirements-dev.lock")
OLDEST_PYTHON = PROJECT["project"]["requires-python"].removeprefix(">=")
CI_TARGETS = {"check", "environments", "test", "coverage", "crash", "bench"}


def text(name: str) -> str:
    return (HOUSE / name).read_text(encoding="utf-8")


def canonical(name: str) -> str:
    """The package's name as PEP 503 spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: str) -> dict[str, str]:
    """Version by package."""
    return {canonical(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text(lock), re.MULTILINE)}


def installed(name: str) -> bool:
    """Whether the package is in this environment; some are for other systems."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def instructions(keyword: str) -> list[str]:
    """The arguments of each Dockerfile instruction of that keyword, in order, continued lines joined."""
    lines = text("Dockerfile").replace("\\\n", " ").splitlines()
    return [line.removeprefix(keyword).strip() for line in lines if line.startswith(f"{keyword} ")]


def make(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make without this machine's settings."""
    program = shutil.which("make")
    assert program is not None
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("FADEN_", "MAKE", "MFLAGS"))}
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env=settings | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that `make run` reads, and no environment."""
    for name in ("Makefile", *LOCKS):
        shutil.copy(HOUSE / name, tmp_path)
    return tmp_path


def python(path: Path, statements: str) -> str:
    """A program that calls itself Python: it runs `-c CODE` after the statements, and has no modules to run with `-m`."""
    program = path / "python-in-disguise"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n{statements}\nif sys.argv[1] != '-c':\n    sys.exit(1)\nexec(sys.argv[2])\n"
    )
    program.chmod(0o755)
    return str(program)


# The lock files


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-dev.lock", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_lock_has_every_dependency(lock: str, requirements: list[str]) -> None:
    names = {canonical(re.split(r"[<>=!~;\[ ]", requirement)[0]) for requirement in requirements}

    assert names - locked(lock).keys() == set()


def test_runtime_lock_is_part_of_the_developers() -> None:
    runtime, developers = (locked(lock) for lock in LOCKS)

    assert {name: developers.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_complete_because_nothing_is_resolved_at_installing(lock: str) -> None:
    packages = [name for name in locked(lock) if installed(name)]

    missing = {
        f"{name} needs {needed.name}"
        for name in packages
        for needed in map(Requirement, distribution(name).requires or [])
        if needed.marker is None or needed.marker.evaluate({"extra": ""})
        if canonical(needed.name) not in locked(lock)
    }

    assert len(packages) > len(locked(lock)) / 2
    assert missing == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_a_hash_for_each_package(lock: str) -> None:
    entries = re.split(r"^(?=\w)", text(lock), flags=re.MULTILINE)[1:]

    assert [entry.split("\n", 1)[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_host_and_no_path(lock: str) -> None:
    assert re.findall(r".*(?://|^-|^/| @ | /).*", text(lock), re.MULTILINE) == []


def test_program_asks_for_the_python_of_the_project() -> None:
    assert ".".join(map(str, command_line.OLDEST)) == OLDEST_PYTHON


def test_program_has_the_version_of_the_project() -> None:
    assert __version__ == PROJECT["project"]["version"]


# The Makefile


def test_help_lists_every_target() -> None:
    phony = re.findall(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)[0].split()

    said = make(cwd=HOUSE).stdout

    assert re.findall(r"^make ([\w-]+) +\S", said, re.MULTILINE) == phony


@pytest.mark.parametrize(
    ("file", "environment", "command"),
    [
        (None, {}, "exec .venv/bin/python -m bot serve --trial --port 8090"),
        ("config.toml", {}, "exec .venv/bin/python -m bot serve --port 8090"),
        (None, {"FADEN_DATABASE__URL": "sqlite:///var/x"}, "exec .venv/bin/python -m bot serve --port 8090"),
        (None, {"FADEN_WEB__PORT": ""}, "exec .venv/bin/python -m bot serve --trial --port 8090"),
        (
            None,
            {"FADEN_SERVICE_HOST": "10.0.0.1", "FADEN_PORT": "tcp://10.0.0.1:80", "FADEN_TEST_POSTGRES": "debian"},
            "exec .venv/bin/python -m bot serve --trial --port 8090",
        ),
    ],
    ids=["nothing is set", "a settings file", "a setting in the environment", "an empty one", "a service's address"],
)
def test_make_run_is_a_trial_only_when_nothing_is_set(
    copy: Path, file: str | None, environment: dict[str, str], command: str
) -> None:
    if file:
        (copy / file).touch()

    said = make("--dry-run", "run", "ARGS=--port 8090", cwd=copy, **environment).stdout

    assert shlex.split(said.splitlines()[-1]) == shlex.split(command)


def test_make_run_installs_only_what_faden_needs(copy: Path) -> None:
    said = make("--dry-run", "run", cwd=copy).stdout

    assert re.findall(r"--requirement (\S+)", said) == ["requirements.lock"]


def test_locks_are_installed_as_they_are(copy: Path) -> None:
    said = make("--dry-run", f".venv/tools-{sys.version_info[0]}.{sys.version_info[1]}", cwd=copy).stdout

    installing = [line for line in said.splitlines() if " --requirement " in line]

    assert [("--no-deps" in line, "--require-hashes" in line) for line in installing] == [(True, True)] * 2


def test_make_run_with_an_old_python_stops_with_a_sentence(copy: Path) -> None:
    old = python(copy, "sys.version_info = (3, 9)")

    done = make("run", f"PYTHON={old}", cwd=copy)

    assert done.stderr.splitlines()[0] == f"Faden needs Python {OLDEST_PYTHON} or newer; {old} is 3.9."
    assert not (copy / ".venv").exists()


def test_make_run_without_python_stops_with_a_sentence(copy: Path) -> None:
    done = make("run", "PYTHON=python-nowhere", cwd=copy)

    assert (
        done.stderr.splitlines()[0] == f"Faden needs Python {OLDEST_PYTHON} or newer: there is no python-nowhere here."
    )


def test_make_run_without_pip_stops_with_a_sentence(copy: Path) -> None:
    without_pip = python(copy, "if sys.argv[1:3] == ['-m', 'venv']:\n    sys.exit(0)")

    done = make("run", f"PYTHON={without_pip}", "PATH=/nowhere", cwd=copy)

    assert done.stderr.splitlines()[0] == "Faden needs pip 22.3 or newer (on Debian: apt install python3-pip)."
    assert not list(copy.glob(".venv/runtime-*"))


# The container


def test_container_has_a_python_that_the_project_allows() -> None:
    versions = {re.match(r"python:3\.(\d+)-slim\S*", image).group(1) for image in instructions("FROM")}  # type: ignore[union-attr]  # None fails the test

    assert len(versions) == 1
    assert int(versions.pop()) >= int(OLDEST_PYTHON.split(".")[1])


def test_container_installs_the_lock_by_hash() -> None:
    copied = instructions("COPY")
    installing = [run for run in instructions("RUN") if " install " in run and "pip" in run]

    assert "requirements.lock /app/" in copied
    assert len(installing) == 1
    assert [option in installing[0] for option in ("--no-deps", "--require-hashes", "/app/requirements.lock")] == [
        True
    ] * 3


def test_container_runs_the_command_of_the_readme_as_nobody_special() -> None:
    command = json.loads(instructions("ENTRYPOINT")[0]) + json.loads(instructions("CMD")[0])

    assert f"`{shlex.join(command)}`" in text("README.md")
    assert int(instructions("USER")[0].split(":")[0]) > 0


def test_container_keeps_its_data_in_the_volume() -> None:
    settings = dict(re.findall(r"(FADEN_\w+)=(\S+)", instructions("ENV")[0]))

    assert instructions("VOLUME") == ["/data"]
    assert settings["FADEN_DATABASE__URL"].startswith("sqlite:////data/")
    assert instructions("EXPOSE") == [settings["FADEN_WEB__PORT"]]


def test_container_health_check_is_runnable_python() -> None:
    command = json.loads(instructions("HEALTHCHECK")[0].split("CMD", 1)[1])

    assert command[:2] == ["python", "-c"]
    assert "/healthz" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_dockerfile_and_readme_start_the_container_alike() -> None:
    def runs(name: str) -> list[str]:
        return re.findall(r"docker run [^\n`]+", text(name))

    assert len(runs("Dockerfile")) == 1
    assert runs("README.md") == runs("Dockerfile")


# The README and CI


def test_readme_names_the_oldest_python_and_the_two_commands() -> None:
    readme = text("README.md")

    assert set(re.findall(r"Python (?:≥ )?(3\.\d+)", readme)) == {OLDEST_PYTHON}
    assert [command in readme for command in ("make run", "make test")] == [True, True]


def test_texts_name_the_command_line_of_the_environment() -> None:
    names = ["docs/operating.md", "docs/restore.md", "config.example.toml", "town.example.toml"]

    calls = {call for name in names for call in re.findall(r"\S*python -m bot", text(name))}

    calls.discard("python -m bot")  # in the container, whose path has it
    assert {call.strip("`") for call in calls} <= {
        ".venv/bin/python -m bot",
        "ExecStart=/opt/faden/.venv/bin/python -m bot",
    }


def test_ci_runs_every_target() -> None:
    calls = re.findall(r"^make ([a-z ]+?)(?: ARGS=.*)?$", text(".ci/run"), re.MULTILINE)

    assert {target for call in calls for target in call.split()} == CI_TARGETS


def test_ci_skips_nothing_for_want_of_a_browser() -> None:
    assert "export FADEN_REQUIRE_BROWSER=1" in text(".ci/run")
    assert os.access(HOUSE / ".ci" / "run", os.X_OK)
