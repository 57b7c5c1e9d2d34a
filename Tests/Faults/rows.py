"""All rows: importing this fills table.ROWS."""
import rows_edge  # noqa: F401
import rows_redis  # noqa: F401
