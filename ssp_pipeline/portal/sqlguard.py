"""What the public may ask in SQL: one SELECT over the open datasets, with functions that only compute.

The statement is read by DuckDB's own parser (`json_serialize_sql`), so that nothing can be understood one way here and
another way there. Its tree is then walked against lists of what is allowed: kinds of nodes, functions, tables, types.
What is not on a list is refused, also what a later DuckDB invents.

Belongs here: the lists and the walk. Does not belong here: running (`sqlworker.py`), limits of time and memory.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

import orjson

MOST_CHARACTERS = 10_000
_MOST_NODES = 5_000
_MOST_DEPTH = 120
_CTE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")

_TABLES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION", "PIVOT"})
_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_EXPRESSIONS = frozenset(
    {"COLUMN_REF", "CONSTANT", "FUNCTION", "CAST", "CASE", "COMPARISON", "CONJUNCTION", "OPERATOR", "SUBQUERY"}
    | {"WINDOW", "STAR", "BETWEEN", "LAMBDA", "LAMBDA_REF", "COLLATE", "POSITIONAL_REFERENCE"}
)
_MODIFIERS = frozenset({"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"})
_TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
_TYPES = frozenset(
    {"boolean", "bool", "tinyint", "smallint", "integer", "int", "int4", "int8", "bigint", "hugeint", "utinyint"}
    | {
        "usmallint",
        "uinteger",
        "ubigint",
        "real",
        "float",
        "float4",
        "float8",
        "double",
        "decimal",
        "numeric",
        "varchar",
    }
    | {"text", "string", "char", "bpchar", "date", "time", "timestamp", "datetime", "timestamptz", "interval", "null"}
    | {"timestamp with time zone", "list", "struct", "map", "array", "signed", "long", "short", "int1", "int2"}
)
_UNBOUND = "unbound"
"""How the parser writes a type that it knows only by name; the name is then looked at."""

_ALLOWED = {
    "operators": """
        + - * / // % ** ^ ~~ !~~ ~~* !~~* ~~~ ~ || & | << >> [] error_free list_value struct_pack row array_extract
        array_slice struct_extract list_contains contains in not_like_escape like_escape ilike_escape not_ilike_escape
        between case coalesce nullif ifnull if iif greatest least regexp_full_match regexp_matches
    """,
    "numbers": """
        abs round floor ceil ceiling trunc sign sqrt cbrt exp ln log log2 log10 pow power mod fdiv fmod gcd lcm pi sin
        cos tan asin acos atan atan2 cot degrees radians isnan isinf isfinite even factorial bit_count width_bucket
        add subtract multiply divide round_even
    """,
    "text": """
        lower upper lcase ucase initcap length len strlen char_length character_length substr substring left right
        trim ltrim rtrim replace translate reverse concat concat_ws split_part string_split str_split split
        regexp_replace regexp_extract regexp_extract_all regexp_split_to_array starts_with prefix ends_with suffix
        instr strpos position ascii chr unicode ord lpad rpad format printf strip_accents levenshtein
        damerau_levenshtein jaccard jaro_similarity jaro_winkler_similarity hamming md5 sha256 hash hex to_base64
        format_bytes array_to_string
    """,
    "dates": """
        date_trunc datetrunc date_part datepart date_diff datediff date_sub datesub date_add extract year month day
        hour minute second quarter week weekofyear weekday isodow isoyear dayofweek dow dayofmonth dayofyear yearweek
        decade century epoch epoch_ms make_date make_timestamp last_day monthname dayname strftime strptime
        try_strptime to_days to_weeks to_months to_years to_hours to_minutes to_seconds age today current_date now
        get_current_timestamp current_timestamp time_bucket julian
    """,
    "lists and structures": """
        list_extract list_element list_sort list_reverse_sort list_distinct list_unique list_transform list_filter
        list_sum list_avg list_min list_max list_concat list_position list_slice array_length list_first list_last
        range generate_series map map_keys map_values element_at cardinality unnest list_apply apply filter flatten
    """,
    "aggregates": """
        count count_star count_if countif sum sum_no_overflow fsum kahan_sum avg mean favg min max arg_min arg_max
        min_by max_by any_value first last arbitrary list array_agg string_agg group_concat listagg bool_and bool_or
        median mode mad quantile quantile_cont quantile_disc percentile_cont percentile_disc approx_quantile
        approx_count_distinct approx_top_k stddev stddev_pop stddev_samp variance var_pop var_samp skewness kurtosis
        entropy corr covar_pop covar_samp regr_slope regr_intercept regr_r2 regr_count regr_avgx regr_avgy product
        geomean geometric_mean histogram bit_and bit_or bit_xor grouping grouping_id
    """,
    "windows": """
        row_number rank dense_rank rank_dense percent_rank cume_dist ntile lag lead first_value last_value nth_value
    """,
}
_FUNCTIONS = frozenset(name for names in _ALLOWED.values() for name in names.split())
"""Functions and operators that only compute, by the parser's names; none reads a file, a setting or a variable."""


class Refused(ValueError):
    """The statement is not of the kind that is run here; the message says what stands in the way."""


def check(tree: str, tables: Collection[str]) -> set[str]:
    """Walk what `json_serialize_sql` gave of a text; gives the tables that it names. Raises Refused."""
    parsed: Mapping[str, Any] = orjson.loads(tree)
    if parsed.get("error"):
        if parsed.get("error_type") == "not implemented":
            raise Refused("hanya satu SELECT yang dijalankan di sini")
        raise Refused(str(parsed.get("error_message", "tidak terbaca")))
    statements = parsed["statements"]
    if len(statements) != 1:
        raise Refused(f"hanya satu SELECT yang dijalankan di sini, bukan {len(statements)} pernyataan")
    walk = _Walk({name.casefold(): name for name in tables})
    walk.collect_ctes(statements[0])
    walk.node(statements[0]["node"], 0)
    if statements[0].get("named_param_map"):
        raise Refused("parameter tidak didukung")
    return walk.used


class _Walk:
    def __init__(self, tables: Mapping[str, str]):
        self._tables = tables
        self._ctes: set[str] = set()
        self._nodes = 0
        self.used: set[str] = set()

    def collect_ctes(self, value: Any, depth: int = 0) -> None:
        """Names that WITH gives. They may not look like a file, for a name out of its scope could be read as one."""
        if depth > 4 * _MOST_DEPTH:
            raise Refused("terlalu bertingkat")
        if isinstance(value, list):
            for one in value:
                self.collect_ctes(one, depth + 1)
        elif isinstance(value, dict):
            for entry in (value.get("cte_map") or {}).get("map", ()):
                name = str(entry["key"])
                if not _CTE_NAME.fullmatch(name):
                    raise Refused(f"nama WITH '{name}': huruf, angka dan garis bawah saja")
                self._ctes.add(name.casefold())
            for one in value.values():
                if isinstance(one, (dict, list)):
                    self.collect_ctes(one, depth + 1)

    def node(self, value: Any, depth: int) -> None:
        """One node of the tree, and all below it."""
        if isinstance(value, list):
            for one in value:
                self.node(one, depth + 1)
            return
        if not isinstance(value, dict):
            return
        self._nodes += 1
        if self._nodes > _MOST_NODES or depth > 4 * _MOST_DEPTH:
            raise Refused("terlalu panjang atau terlalu bertingkat")
        kind, place = value.get("type"), value.get("class")
        if place is not None:
            self._expression(str(place), value)
            if place == "CONSTANT":
                return
        elif isinstance(kind, str):
            self._other(kind, value)
        for key, one in value.items():
            if key == "cast_type":
                self._type(one, depth)
            elif isinstance(one, (dict, list)):
                self.node(one, depth + 1)

    def _expression(self, place: str, value: Mapping[str, Any]) -> None:
        if place not in _EXPRESSIONS:
            raise Refused(f"{place} tidak didukung")
        if place in ("FUNCTION", "WINDOW"):
            name = str(value.get("function_name", "")).casefold()
            if name not in _FUNCTIONS:
                raise Refused(f"fungsi '{name}' tidak ada di daftar yang diizinkan")
            if value.get("schema") not in ("", "main", None) or value.get("catalog") not in ("", "system", None):
                raise Refused("fungsi disebut tanpa skema")

    def _other(self, kind: str, value: Mapping[str, Any]) -> None:
        if "alias" in value and "sample" in value:
            if kind not in _TABLES:
                raise Refused(f"{kind} tidak didukung sebagai tabel")
            if kind == "BASE_TABLE":
                self._table(value)
            if kind == "TABLE_FUNCTION":
                function = value.get("function") or {}
                name = str(function.get("function_name", "")).casefold()
                if name not in _TABLE_FUNCTIONS:
                    raise Refused(f"fungsi tabel '{name}' tidak diizinkan; tulis nama dataset")
        elif "cte_map" in value or "modifiers" in value:
            if kind not in _QUERIES:
                raise Refused(f"{kind} tidak didukung")
        elif kind.endswith("_MODIFIER") and kind not in _MODIFIERS:
            raise Refused(f"{kind} tidak didukung")

    def _table(self, value: Mapping[str, Any]) -> None:
        name = str(value.get("table_name", ""))
        if value.get("schema_name") or value.get("catalog_name"):
            raise Refused(f"tabel '{name}' disebut tanpa skema")
        if value.get("at_clause"):
            raise Refused('AT tidak didukung; tulis "nama@versi"')
        if name.casefold() in self._ctes:
            return
        if name.casefold() not in self._tables:
            raise Refused(f"tabel '{name}' tidak ada; yang ada adalah nama dataset terbuka")
        self.used.add(self._tables[name.casefold()])

    def _type(self, value: Any, depth: int) -> None:
        """A type and those that it is made of."""
        if isinstance(value, list):
            for one in value:
                self._type(one, depth + 1)
        elif isinstance(value, dict):
            if value.get("class"):
                self.node(value, depth + 1)
                return
            for key in ("id", "name"):
                name = str(value.get(key) or "").casefold()
                if name and name != _UNBOUND and name not in _TYPES:
                    raise Refused(f"tipe '{name}' tidak didukung")
            for key, one in value.items():
                if isinstance(one, (dict, list)) and key != "alias":
                    self._type(one, depth + 1)
