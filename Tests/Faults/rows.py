"""All rows: importing this fills table.ROWS."""
import rows_edge  # noqa: F401
import rows_instance  # noqa: F401
import rows_proved  # noqa: F401
import rows_redis  # noqa: F401
import rows_upstream  # noqa: F401
import soak  # noqa: F401
