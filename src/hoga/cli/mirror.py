"""cli.mirror: `hoga mirror`, a copy of the archive in a bucket."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hoga.cli._output import Progress, error_line, print_json, print_text
from hoga.cli._recorded import mistake, require_present, say_where_buckets_are

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add `hoga mirror` to `app`."""
    app.command("mirror")(mirror)


def mirror(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A data folder.")],
    bucket: Annotated[Path, typer.Argument(metavar="s3://BUCKET/PREFIX", help="Where its copy is.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read the copy back to the last byte, and send nothing.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Bring back what the copy has and DATA has not.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
) -> int:
    """Keep a copy of the merged days in a bucket.

    A day's file goes first, its manifest last. What lies under a name there is never replaced: another content is named. Keys of access
    come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) only. Exit status 1 when a file could not be sent, proven or
    restored, 2 while another mirror to the same place is running.

    Example: hoga mirror data s3://bucket/hoga
    """
    from hoga.archive.form.objects import bucket_of, is_object
    from hoga.history.mirror import Mirrored, mirror_archive, mirroring, restore_archive, verify_mirror
    from hoga.runtime.durable import make_folder

    if not is_object(bucket) or len(bucket.parts) < 2:
        raise mistake("BUCKET", str(bucket), "s3://bucket/prefix")
    if verify and restore:
        raise mistake("--restore", "--verify", "one of them")
    if is_object(data) or (data.exists() and not data.is_dir()):
        raise mistake("DATA", str(data), "a data folder on this machine")
    say_where_buckets_are([bucket])
    if not restore:
        require_present([data])
    there = bucket_of(bucket)
    if restore:
        make_folder(data)
    found: list[Mirrored] = []
    with mirroring(data, bucket), _until_told() as told, Progress("mirror, files") as progress:
        work = (
            verify_mirror(bucket, there)
            if verify
            else restore_archive(data, bucket, there)
            if restore
            else mirror_archive(data, bucket, there)
        )
        try:
            for each in work:
                found.append(each)
                progress.advance()
                if told:
                    break
        except KeyboardInterrupt:
            told.append(signal.SIGINT)
    failed = [each for each in found if each.state == "failed"]
    if as_json:
        print_json({"ok": not failed and not told, "done": [each for each in found if each.state != "failed"], "failed": failed})
    else:
        counts = {state: sum(each.state == state for each in found) for state in ("sent", "there", "proven", "restored")}
        said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        size = sum(each.bytes for each in found)
        end = "; stopped before its end: the next run goes on" if told else ""
        print_text(f"{said or 'nothing to do'}, {size:,} bytes, {len(failed)} failed{end}")
    for each in failed:
        error_line(f"{each.file}: {each.why}")
    if told:
        return 128 + told[0]
    return 1 if failed or (verify and not found) else 0


@contextmanager
def _until_told() -> Iterator[list[int]]:
    """What is given gets the signal that asks to end: a timer's service is stopped by SIGTERM. The file that is on its way is let through;
    whoever cannot wait kills, which is safe."""
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)
