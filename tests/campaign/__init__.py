"""Campaigns: long runs that are not part of `./hoga test`. `make soak`, `make faults`; results go to docs/results/."""
/root/.pyenv/libexec/pyenv-hooks: line 24: enable: cannot open shared object /root/.pyenv/libexec/pyenv-realpath.dylib: /root/.pyenv/libexec/pyenv-realpath.dylib: cannot open shared object file: No such file or directory
