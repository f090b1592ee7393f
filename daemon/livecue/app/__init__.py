"""The daemon put together: composition root, adapters to MetaStudio, logs, metrics, HTTP."""
