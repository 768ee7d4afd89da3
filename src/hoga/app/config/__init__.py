"""app.config: the configuration. `load_config` gives it, `Config.venue` says what holds for a venue."""

from hoga.app.config.load import find_config, load_config
from hoga.app.config.model import Config, ConfigNote, ProgramConfig, Setting, VenueConfig
from hoga.core.secret import Secret

__all__ = ["Config", "ConfigNote", "ProgramConfig", "Secret", "Setting", "VenueConfig", "find_config", "load_config"]
