"""compose.yaml's healthcheck of Redis: it uses the password, but does not show it in the list of processes.

Mechanism: the command of the healthcheck runs a stub of redis-cli that writes down its arguments. That it tells healthy from unhealthy is
proven on podman (`containers/test_compose.py`).
"""

import yaml

from repository import read, run

CLI = """#!/bin/sh
{ echo "$0 $*"; env; } >"$STUBS/started"
cat >"$STUBS/asked"
cat "$STUBS/answers"
"""
PASSWORD = "0123456789abcdef" * 4


def test_the_password_is_in_no_argument_and_no_environment(tmp_path):
    (tmp_path / "redis-cli").write_text(CLI)
    (tmp_path / "redis-cli").chmod(0o755)
    (tmp_path / "redis_url").write_text(f"redis://default:{PASSWORD}@redis:6379\n")
    (how, command) = yaml.safe_load(read("compose.yaml"))["services"]["redis"]["healthcheck"]["test"]
    assert how == "CMD-SHELL"
    command = command.replace("$$", "$").replace("/run/secrets/redis_url", str(tmp_path / "redis_url"))
    for answers, healthy in {"OK\nPONG\n": True, "WRONGPASS invalid\n\nNOAUTH Authentication required.\n\n": False, "": False}.items():
        (tmp_path / "answers").write_text(answers)
        assert (run("sh", "-c", command, env={"STUBS": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}).returncode == 0) == healthy
        assert (tmp_path / "asked").read_text() == f"AUTH {PASSWORD}\nPING\n"
        assert PASSWORD not in (tmp_path / "started").read_text()
