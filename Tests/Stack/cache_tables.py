"""All tables of the cache's conformance cases."""
import cache_table_fields
import cache_table_freshness
import cache_table_invalidation
import cache_table_ranges
import cache_table_requests
import cache_table_storing
import cache_table_validation
import cache_table_vary
from cache_cases import CASES

TABLES = (cache_table_storing, cache_table_freshness, cache_table_fields, cache_table_requests,
          cache_table_validation, cache_table_vary, cache_table_ranges, cache_table_invalidation)
assert len(CASES) == len({case.name for case in CASES}), "two cases of one name"
