"""The DVC remote as what machines share: a stage's results go there and come from there by the stage's own key.

`dvc repro --pull` and `dvc push --run-cache` copy every entry of the run cache, once for each task; here the entries of
one stage travel. As with those, an entry goes after the objects that it names.
"""

import json
from pathlib import Path
from typing import Any

from dvc.config import NoRemoteError
from dvc.fs import HTTPFileSystem, generic
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.stage.cache import _get_stage_hash
from dvc.stage.serialize import to_single_stage_lockfile

Entry = dict[str, Any]  # a stage as it stands in dvc.lock: its command, and the hashes of its inputs and outputs


class Remote:
    """The default remote of a checkout; without one, or over http, a `ValueError`."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        try:
            self._odb = repo.cloud.get_remote_odb(None, "push", hash_name="md5-dos2unix")
        except NoRemoteError:
            raise ValueError("no DVC remote, which the machines share: dvc remote add --default NAME URL") from None
        if isinstance(self._odb.fs, HTTPFileSystem):
            raise ValueError(f"DVC remote {self._odb.path}: allowed: one that has a run cache, so not http")

    def push(self, stage: PipelineStage) -> None:
        """The outputs of a stage that is saved, then its entry in the run cache."""
        for objects in stage.get_used_objs().values():
            if self._repo.cloud.push(objects).failed:
                raise ValueError(f"{stage.addressing}: its outputs do not reach the DVC remote {self._odb.path}")
        self._copy(stage, self._repo.cache.legacy, self._odb)

    def fetch(self, stage: PipelineStage) -> None:
        """The entries of the run cache for a stage's present inputs, which are hashed already."""
        self._copy(stage, self._odb, self._repo.cache.legacy)

    def check_out(self, entry: Entry) -> None:
        """Bring what an entry says that a stage left."""
        stage = self._repo.stage_cache._create_stage(entry)
        for objects in stage.get_used_objs().values():
            self._repo.cloud.pull(objects)
        stage.checkout()

    def find_others(self, stage: PipelineStage) -> list[str]:
        """The kinds of processors on which the same inputs gave other outputs; records hold times and do not count."""
        self.fetch(stage)
        key, ours = _get_stage_hash(stage), _list_results(to_single_stage_lockfile(stage))
        folder = Path(self._repo.stage_cache._get_cache_dir(key))
        entries = [self._repo.stage_cache._load_cache(key, path.name) for path in sorted(folder.iterdir())]
        return [self._read_processor(entry) for entry in entries if entry and _list_results(entry) != ours]

    def _read_processor(self, entry: Entry) -> str:
        stage = self._repo.stage_cache._create_stage(entry)
        (records,) = [out for out in stage.outs if _is_record(out.def_path)]
        for objects in records.get_used_objs().values():
            self._repo.cloud.pull(objects)
        hashes = {key[-1]: info.value for key, _, info in records.get_obj()}
        text = Path(self._repo.cache.local.oid_to_path(hashes["record.json"])).read_text(encoding="utf-8")
        return name_processor(json.loads(text))

    def _copy(self, stage: PipelineStage, source: Any, target: Any) -> None:
        key = _get_stage_hash(stage)
        folder = source.fs.join(source.path, "runs", key[:2], key)
        if source.fs.exists(folder):
            for path in source.fs.find(folder):
                name = source.fs.name(path)
                generic.copy(source.fs, path, target.fs, target.fs.join(target.path, "runs", key[:2], key, name))


def name_processor(record: Entry) -> str:
    """On what kind of processor a run was computed, and with how many threads, as its record says."""
    where, threads = record["environment"], record["tags"].get("num_threads", "?")
    return f"{where.get('gpu') or where.get('cpu', 'unknown processor')} (threads: {threads})"


def _list_results(entry: Entry) -> dict[str, str]:
    return {out["path"]: out["md5"] for out in entry["outs"] if not _is_record(out["path"])}


def _is_record(path: str) -> bool:
    return "/records/" in path
