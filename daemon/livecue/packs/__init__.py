"""Rule packs on disk become engine rules. Everything that is wrong is told at once, by file and line."""

from livecue.packs.loading import LoadedRules, Pack, load_pack, load_packs
from livecue.packs.problems import PackError, Problem

__all__ = ["LoadedRules", "Pack", "PackError", "Problem", "load_pack", "load_packs"]
