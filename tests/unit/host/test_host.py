from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from staticfire.errors import BusyError, StaticfireError
from staticfire.host.files import open_log, read_json, secret, shorten_log, write_atomically, write_json
from staticfire.host.locks import command_lock
from staticfire.host.ports import free_port, port_holder, port_is_free, port_taken
from staticfire.host.processes import ProcessRecord, processes_in
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout, shared_cache

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "state", tmp_path / "cache")


def test_the_cache_is_the_users_own(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert shared_cache(home) == tmp_path / ".cache" / "staticfire"
    assert shared_cache({**home, "XDG_CACHE_HOME": str(tmp_path / "xdg")}) == tmp_path / "xdg" / "staticfire"
    assert shared_cache({**home, "XDG_CACHE_HOME": "relative"}) == tmp_path / ".cache" / "staticfire"


def test_where_nothing_can_be_written_no_cache_is_shared(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert shared_cache({}) is None
    assert shared_cache({"HOME": ""}) is None
    assert shared_cache({"HOME": str(tmp_path / "file")}) is None
    assert shared_cache({"HOME": "/proc/1"}) is None  # not even root's


def test_git_leaves_out_a_state_directory_that_we_made_and_no_other(tmp_path: Path) -> None:
    made, users = Layout(tmp_path / "made", tmp_path), Layout(tmp_path / "users", tmp_path)
    users.state.mkdir()
    for layout in (made, users):
        with command_lock(layout, "up"):
            pass
    assert (made.state / ".gitignore").read_text() == "*\n"
    assert not (users.state / ".gitignore").exists()


def test_a_second_command_is_told_who_holds_the_lock(layout: Layout) -> None:
    with command_lock(layout, "up"), pytest.raises(BusyError) as error, command_lock(layout, "down"):
        pass
    assert f"pid {os.getpid()}: staticfire up, since " in str(error.value)


def test_the_lock_dies_with_its_holder(layout: Layout) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from staticfire.layout import Layout; from staticfire.host.locks import command_lock\n"
        "with command_lock(Layout(Path(sys.argv[1]), Path(sys.argv[1])), 'up'):\n"
        "    print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(layout.state)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BusyError), command_lock(layout, "down"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with command_lock(layout, "down"):
        assert "staticfire down" in layout.lock.read_text()


def test_a_recorded_process_is_found_and_stopped(layout: Layout) -> None:
    child = subprocess.Popen(SLEEPER)
    ProcessRecord.record(layout.process("edge"), child.pid)
    process = ProcessRecord.read(layout.process("edge"))
    assert process is not None
    assert process.pid == child.pid
    process.stop((signal.SIGTERM, 30))
    assert child.wait() == -signal.SIGTERM
    assert not layout.process("edge").exists()


def test_a_process_that_ignores_the_first_signal_gets_the_next(layout: Layout) -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    ProcessRecord.record(layout.process("edge"), child.pid).stop((signal.SIGTERM, 0.2), (signal.SIGKILL, 30))
    assert child.wait() == -signal.SIGKILL


def test_who_works_in_a_directory_is_found(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEPER, cwd=tmp_path) as child:
        assert wait_until(lambda: processes_in(tmp_path), 30) in (None, [child.pid])
        child.kill()


def test_a_recycled_pid_is_a_stranger_and_is_left_alone(layout: Layout) -> None:
    stranger = subprocess.Popen(SLEEPER)
    try:
        write_json(layout.process("edge"), {"pid": stranger.pid, "started": "12"})
        assert ProcessRecord.read(layout.process("edge")) is None
        assert not layout.process("edge").exists()
        ProcessRecord(stranger.pid, "12", layout.process("edge")).send(signal.SIGKILL)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_ended_is_not_alive_even_while_nobody_waited_for_it(layout: Layout) -> None:
    child = subprocess.Popen(SLEEPER)
    process = ProcessRecord.record(layout.process("edge"), child.pid)
    child.kill()
    assert wait_until(lambda: not process.alive, 30)
    child.wait()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    write_atomically(target, b"one", 0o600)
    write_atomically(target, b"two", 0o600)
    assert target.read_bytes() == b"two"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "edge.json").write_text("{")
    with pytest.raises(StaticfireError, match=r"edge\.json is damaged"):
        read_json(tmp_path / "edge.json")


def test_a_record_that_lacks_something_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "edge.json").write_text('{"pid": 1}')
    with pytest.raises(StaticfireError, match="does not say started"):
        ProcessRecord.read(tmp_path / "edge.json")


def test_a_secret_stays_the_same_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = secret(tmp_path / "password")
    assert secret(tmp_path / "password") == first
    assert len(first) >= 24
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0


def test_the_holder_of_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
        assert f"pid {os.getpid()}:" in port_holder(port)
    assert port_is_free("127.0.0.1", port)


def test_a_port_that_is_taken_is_told_with_its_holder_and_the_variable_that_names_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = port_taken(server.getsockname()[1], "STATICFIRE_PORT")
    assert f"pid {os.getpid()}:" in str(error)
    assert "STATICFIRE_PORT" in error.remedy


def test_what_was_seen_last_is_known_in_vain_too() -> None:
    numbers = iter([0, 0, 7])
    assert wait_until(lambda: next(numbers), 30, 0) == 7
    assert wait_until(list, 0.01, 0) == []


def test_an_address_of_another_machine_is_not_called_taken() -> None:
    with pytest.raises(StaticfireError, match=r"Nothing can listen on 192\.0\.2\.1:4566"):
        port_is_free("192.0.2.1", 4566)


def test_a_log_is_appended_to_and_the_place_where_this_start_begins_is_known(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "edge.log"
    for said in (b"first\n", b"second\n"):
        with open_log(log) as output:
            begin = output.tell()
            output.write(said)
    assert (begin, log.read_bytes()) == (6, b"first\nsecond\n")


def test_a_long_log_of_earlier_starts_is_put_aside_and_two_are_kept_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staticfire.host.files.LONG_LOG", 3)
    log = tmp_path / "edge.log"
    for said in (b"first", b"second", b"third", b"fourth"):
        with open_log(log) as output:
            output.write(said)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "edge.log": b"fourth",
        "edge.log.1": b"third",
        "edge.log.2": b"second",
    }


def test_a_free_port_is_not_one_that_an_outgoing_connection_may_get() -> None:
    assert all(free_port() < 32_768 for _ in range(20))


def test_a_log_that_another_process_writes_is_shortened_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staticfire.host.files.LONG_LOG", 100)
    log = tmp_path / "edge.log"
    with open_log(log) as output, subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=output) as writer:
        assert writer.stdin is not None
        for number in range(5):
            writer.stdin.write(f"{number}\n".encode() * 60)
            writer.stdin.flush()
            assert wait_until(lambda: log.stat().st_size == 120, 30), number  # nothing before, no hole
            shorten_log(log)
            shorten_log(log)  # it is short now
        writer.stdin.close()
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert kept == {"edge.log": b"", "edge.log.1": b"4\n" * 60, "edge.log.2": b"3\n" * 60}
