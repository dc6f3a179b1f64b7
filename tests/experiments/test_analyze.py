"""`pointsman analyze`: the published numbers, and files as people really have them."""

import gzip
import json
import math
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from experiments.cli import analyze
from experiments.frame import Columns, aggregate_file
from experiments.metrics import mean
from experiments.stats.moments import Moments

COOKIE_CATS = Path(__file__).parents[3] / "shared" / "data" / "cookie_cats.csv"
needs_cookie_cats = pytest.mark.skipif(
    not COOKIE_CATS.is_file(), reason="the Cookie Cats file is not in ../shared/data"
)
HEADER = "who,arm,won,spent\n"
ROWS = "1,a,TRUE,5\n2,a,FALSE,6.5\n3,a,TRUE,7\n4,b,FALSE,8\n5,b,TRUE,9\n6,b,FALSE,10\n"
ASK = ["--unit", "who", "--variant", "arm", "--control", "a"]
WON, SPENT = ["--metric", "won:proportion"], ["--metric", "spent:mean"]


def run(file: Path | str, *arguments: str) -> Result:
    return CliRunner().invoke(analyze, [str(file), *arguments])


def report(file: Path | str, *arguments: str) -> dict[str, Any]:
    result = run(file, *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    body: dict[str, Any] = json.loads(result.stdout)
    return body


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@needs_cookie_cats
def test_cookie_cats_gives_the_published_numbers() -> None:
    ask = ["--unit", "userid", "--variant", "version", "--control", "gate_30"]
    metrics = ["retention_7:proportion", "retention_1:proportion", "sum_gamerounds:mean"]

    body = report(COOKIE_CATS, *ask, *(word for metric in metrics for word in ("--metric", metric)))

    retention = body["metrics"]["retention_7"]
    treated = retention["gate_40"]
    assert body["units"] == {"gate_30": 44_700, "gate_40": 45_489}
    assert retention["gate_30"]["mean"] == pytest.approx(0.190201, abs=5e-7)
    assert treated["mean"] == pytest.approx(0.182000, abs=5e-7)
    assert treated["difference"] == pytest.approx(-0.008201, abs=5e-7)
    assert treated["statistic"] == pytest.approx(-3.16436, abs=5e-6)
    assert treated["p_value"] == pytest.approx(0.00155425, abs=5e-9)
    assert treated["ci"] == pytest.approx([-0.013282, -0.003121], abs=5e-7)
    assert body["metrics"]["retention_1"]["gate_40"]["p_value"] == pytest.approx(0.0744, abs=5e-5)
    assert body["metrics"]["sum_gamerounds"]["gate_40"]["p_value"] == pytest.approx(0.376, abs=5e-4)
    assert body["srm"]["chi2"] == pytest.approx(6.9024, abs=5e-5)
    assert body["srm"]["p_value"] == pytest.approx(0.00861, abs=5e-6)
    assert body["srm"]["alarm"] is False
    assert body["verdict"]["decision"] == "inconclusive"


@needs_cookie_cats
def test_cookie_cats_without_its_outlier(tmp_path: Path) -> None:
    lines = COOKIE_CATS.read_text().splitlines()
    kept = [line for line in lines if line.split(",")[2] != "49854"]
    ask = ["--unit", "userid", "--variant", "version", "--control", "gate_30"]

    body = report(write(tmp_path, "\n".join(kept)), *ask, "--metric", "sum_gamerounds:mean")

    assert len(kept) == len(lines) - 1
    assert body["metrics"]["sum_gamerounds"]["gate_40"]["p_value"] == pytest.approx(0.949, abs=1e-3)


def test_people_get_a_table_and_a_sentence(tmp_path: Path) -> None:
    result = run(write(tmp_path, HEADER + ROWS), *ASK, *WON, *SPENT)

    assert result.exit_code == 0
    for words in ("INCONCLUSIVE", "won: 33.33 % with b against 66.67 % with a", "Sample ratio: fits"):
        assert words in " ".join(result.stdout.split())


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "report.html"

    result = run(write(tmp_path, HEADER + ROWS, "<b>.csv"), *ASK, *WON, "--html", str(page))

    html = page.read_text()
    assert result.exit_code == 0
    assert "&lt;b&gt;.csv" in html
    assert "<b>.csv" not in html
    assert "<svg" in html
    assert "<table" in html
    assert "src=" not in html
    assert "<script" not in html


@pytest.mark.parametrize(
    ("true", "false"), [("TRUE", "FALSE"), ("true", "False"), ("T", "F"), ("1", "0"), ("1.0", " 0 ")]
)
def test_true_and_false_as_people_write_them(tmp_path: Path, true: str, false: str) -> None:
    text = HEADER + ROWS.replace("TRUE", true).replace("FALSE", false)

    body = report(write(tmp_path, text), *ASK, *WON)

    assert body["metrics"]["won"]["a"]["mean"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("nothing", ["", "NA", "NaN", "null", "None", "n/a"])
def test_an_empty_cell_is_a_unit_that_was_not_measured(tmp_path: Path, nothing: str) -> None:
    body = report(write(tmp_path, HEADER + ROWS.replace("6.5", nothing)), *ASK, *SPENT)

    assert body["units"]["a"] == 3
    assert (body["metrics"]["spent"]["a"]["n"], body["metrics"]["spent"]["a"]["mean"]) == (2, 6.0)


def test_what_is_odd_is_excluded_and_counted(tmp_path: Path) -> None:
    odd = "7,a,TRUE,1\n7,b,TRUE,1\n8,a,TRUE,1\n8,a,TRUE,1\n,a,TRUE,1\n9,,TRUE,1\n,,TRUE,1\nNA,b,TRUE,1\n"

    body = report(write(tmp_path, HEADER + ROWS + odd), *ASK, *SPENT)

    assert body["units"] == {"a": 3, "b": 3}
    assert body["metrics"]["spent"]["a"]["mean"] == pytest.approx(18.5 / 3)
    assert body["exclusions"] == {
        "crossovers": 1,
        "duplicate_units": 1,
        "missing_unit": 3,
        "missing_variant": 1,
        "unplanned": 0,
        "enrolled_before": 0,
        "late": 0,
    }


@pytest.mark.parametrize("value", ["inf", "-Infinity", "1e200"])
def test_infinite_values_are_not_estimable(tmp_path: Path, value: str) -> None:
    body = report(write(tmp_path, HEADER + ROWS.replace("6.5", value)), *ASK, *SPENT)

    treated = body["metrics"]["spent"]["b"]
    assert body["metrics"]["spent"]["a"]["mean"] is None
    assert treated["mean"] == 9.0
    assert treated["difference"] is None
    assert "infinite" in treated["not_estimable"]["difference"]


def test_a_planned_split_finds_the_mismatch_and_the_missing_arm(tmp_path: Path) -> None:
    rows = HEADER + "".join(f"{unit},{'a' if unit < 900 else 'b'},1,1\n" for unit in range(1_000))
    path = write(tmp_path, rows)

    fits = report(path, *ASK, *SPENT, "--split", "a=90,b=10")
    even = report(path, *ASK, *SPENT)
    third = report(path, *ASK, *SPENT, "--split", "a=89.9,b=10,c=0.1")

    assert not fits["srm"]["alarm"]
    assert even["srm"]["alarm"]
    assert even["verdict"]["trusted"] is False
    assert third["units"] == {"a": 900, "b": 100, "c": 0}
    assert third["metrics"]["spent"]["c"]["not_estimable"]["difference"] == "the treatment arm has no units"


def test_lower_may_be_better_and_alpha_may_change(tmp_path: Path) -> None:
    rows = HEADER + "".join(
        f"{unit},{'ab'[unit % 2]},1,{unit % 7 + 3 * (unit % 2)}\n" for unit in range(4_000)
    )
    path = write(tmp_path, rows)

    up = report(path, *ASK, *SPENT)
    down = report(path, *ASK, *SPENT, "--lower-is-better", "spent", "--alpha", "0.01")

    assert up["verdict"]["decision"] == "ship"
    assert down["verdict"]["decision"] == "roll back"
    assert down["alpha"] == 0.01


def test_parquet_with_its_own_types(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    columns = {
        "who": pa.array(range(6), pa.int64()),
        "arm": pa.array(["a", "b"] * 3).dictionary_encode(),
        "won": pa.array([True, False, None, True, True, False]),
        "spent": pa.array([1, 2, 3, 4, 5, 6], pa.decimal128(10, 2)),
        "ratio": pa.array([0.5, math.nan, 1.5, None, 2.5, 3.5]),
    }
    pq.write_table(pa.table(columns), path)

    body = report(path, *ASK, *WON, *SPENT, "--metric", "ratio:mean")

    assert body["metrics"]["won"]["a"] | {"n": 2, "mean": 1.0} == body["metrics"]["won"]["a"]
    assert body["metrics"]["spent"]["b"]["mean"] == 4.0
    assert body["metrics"]["ratio"]["b"]["n"] == 1


@pytest.mark.parametrize(
    ("delimiter", "name"), [(";", "data.csv"), ("\t", "data.tsv"), ("|", "Data.CSV"), (",", "a[1]*?.csv")]
)
def test_other_delimiters_and_odd_file_names(tmp_path: Path, delimiter: str, name: str) -> None:
    text = ("\ufeff" + HEADER + ROWS).replace(",", delimiter)

    assert report(write(tmp_path, text, name), *ASK, *WON)["units"] == {"a": 3, "b": 3}


def test_a_packed_file_with_quotes_and_windows_lines(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    text = (HEADER + ROWS).replace("1,a,", '"1, ""one""",a,').replace("\n", "\r\n")
    path.write_bytes(gzip.compress(text.encode()))

    assert report(path, *ASK, *WON)["units"] == {"a": 3, "b": 3}


def test_units_are_compared_as_text(tmp_path: Path) -> None:
    text = HEADER + "1,a,1,1\n01,a,1,1\n1.0,b,1,1\nx,b,1,1\n"

    assert report(write(tmp_path, text), *ASK, *WON)["units"] == {"a": 2, "b": 2}


def test_a_huge_mean_with_a_small_spread_keeps_its_digits(tmp_path: Path) -> None:
    values = [1e9 + math.sin(index) for index in range(20_000)]
    rows = "".join(f"{index},{'ab'[index % 2]},1,{value!r}\n" for index, value in enumerate(values))

    found = aggregate_file(
        write(tmp_path, HEADER + rows), Columns(unit="who", variant="arm", metrics=[mean("spent")])
    )

    exact = Moments.of(values[::2])
    moments = found.moments["spent"]["a"]
    assert moments.n == exact.n
    assert moments.mean == pytest.approx(exact.mean, rel=1e-15)
    assert moments.m2 == pytest.approx(exact.m2, rel=1e-7)


def refused(file: Path | str, *arguments: str) -> str:
    result = run(file, *arguments)
    assert result.exit_code == 2, (result.stdout, result.stderr, result.exception)
    assert result.stdout == ""
    return " ".join(result.stderr.split())


WRONG_OPTIONS = [
    (["--unit", "x"], "--unit: there is no column 'x'; the file has who, arm, won, spent"),
    (["--variant", "x"], "--variant: there is no column 'x'; the file has who"),
    (["--metric", "x:mean"], "--metric: there is no column 'x'; the file has who"),
    (["--metric", "spent:median"], "there is no kind 'median' of metric; kinds are proportion, mean"),
    (["--metric", "spent"], "'spent' is not COLUMN:KIND"),
    (["--metric", ":mean"], "':mean' is not COLUMN:KIND"),
    (["--metric", "won:mean"], "'won' is given twice"),
    (
        ["--metric", "spent:proportion"],
        "--metric: column 'spent' holds '10', which is not 0, 1, TRUE or FALSE",
    ),
    (["--metric", "arm:mean"], "--metric: column 'arm' holds 'a', which is not a number (6 rows)"),
    (["--control", "x"], "--control: there is no variant 'x'; the file has a, b"),
    (["--lower-is-better", "x"], "--lower-is-better: 'x' is not a metric; the metrics are won"),
    (["--alpha", "0"], "'--alpha'"),
    (["--alpha", "1"], "'--alpha'"),
    (["--alpha", "nan"], "'--alpha'"),
    (["--alpha", "x"], "'--alpha'"),
    (["--tuned-for", "0"], "'--tuned-for'"),
    (["--split", "a=50"], "--split: a split names at least two variants"),
    (["--split", "a=50,b"], "--split: 'b' is not VARIANT=WEIGHT"),
    (["--split", "a=50,b=x"], "--split: the weight of 'b' must be a positive number, not 'x'"),
    (["--split", "a=50,b=0"], "--split: the weight of 'b' must be a positive number"),
    (["--split", "a=50,b=nan"], "--split: the weight of 'b' must be a positive number"),
    (["--split", "a=50,b=inf"], "--split: the weight of 'b' must be a positive number"),
    (["--split", "a=50,a=50"], "--split: 'a' is given twice"),
    (["--split", "a=50,c=50"], "--split: it gives no weight to 'b'; the file has a, b"),
    (["--split", "b=50,c=50"], "--split: control 'a' is not in it; it names b, c"),
    (["--html", "/nowhere/at/all.html"], "--html"),
]


@pytest.mark.parametrize(("options", "words"), WRONG_OPTIONS)
def test_a_wrong_option_is_named_with_what_is_available(
    tmp_path: Path, options: list[str], words: str
) -> None:
    assert words in refused(write(tmp_path, HEADER + ROWS), *ASK, *WON, *options)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("data.csv", b"", "data.csv is empty"),
        ("data.csv", HEADER.encode(), "it has a header but no rows"),
        ("data.csv", b"\x00\x01\x02\xff\xfe" * 100, "is not text in UTF-8"),
        ("data.csv", b"who,arm,\n1,a,b\n", "there is no column 'won'; the file has who, arm"),
        ("data.csv", b",, ,\n1,a,b,c\n", "its first line must name the columns, and names none"),
        ("data.csv", b"who,arm,won,Won\n1,a,1,1\n", "columns 'won' and 'Won' differ only by case"),
        ("data.csv", b"x" * 200_000 + b"\n1\n", "its first line does not name columns"),
        ("data.csv", b"who,arm,won\x00\n1,a,1\n", "there is no column 'won'"),
        ("data.csv", b"who,arm,arm\n1,a,b\n", "its first line names 'arm' twice"),
        ("data.csv", (HEADER + "1,a,1\n2,b,1,1,1\n").encode(), "cannot be read"),
        ("data.csv", (HEADER + "1,a,\xff,1\n2,b,1,1\n").encode("latin-1"), "cannot be read"),
        ("data.csv.gz", b"not gzip", "cannot be read"),
        ("data.csv.gz", gzip.compress(HEADER.encode() * 50)[:-9], "cannot be read"),
        ("data.parquet", b"", "cannot be read"),
        ("data.parquet", b"PAR1 nonsense PAR1", "cannot be read"),
        ("data.xlsx", b"PK", "is of no kind that can be read; use .csv"),
        ("data.csv", (HEADER + "1,a,1,1\n2,a,1,1\n").encode(), "comparing needs at least two variants"),
        (
            "data.csv",
            (HEADER + "".join(f"{n},a{n},1,1\n" for n in range(21))).encode(),
            "column 'arm' has 21 different values; a variant column has at most 20",
        ),
    ],
)
def test_a_file_that_cannot_be_analysed_says_why(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert words in refused(path, *ASK, *WON)


def test_columns_without_a_name_are_ignored(tmp_path: Path) -> None:
    as_pandas_writes = "," + HEADER + "".join(f"{n},{row}" for n, row in enumerate(ROWS.splitlines(True)))
    with_commas_at_the_end = (HEADER + ROWS).replace("\n", ",,\n")
    with_commas_in_the_rows = HEADER + ROWS.replace("\n", ",\n")

    for text in (as_pandas_writes, with_commas_at_the_end, with_commas_in_the_rows):
        body = report(write(tmp_path, text), *ASK, *SPENT)

        assert body["units"] == {"a": 3, "b": 3}
        assert body["metrics"]["spent"]["b"]["mean"] == 9.0


def test_an_ignored_column_takes_no_other_ones_name(tmp_path: Path) -> None:
    text = "_____0,,who,arm,won\n9,8,1,a,1\n9,8,2,b,0\n"

    assert "the file has _____0, who, arm, won" in refused(write(tmp_path, text), *ASK, *SPENT)
    assert report(write(tmp_path, text), *ASK, *WON)["units"] == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("1,a,1,1\n1,a,1,1\n2,b,1,1\n2,b,1,1\n", "every unit was excluded: 2 units with several rows;"),
        ("1,a,1,1\n1,b,1,1\n", "every unit was excluded: 1 unit in two variants; one row per unit is needed"),
        (
            "1,a,1,1\n1,b,1,1\n2,a,1,1\n2,a,1,1\n,a,1,1\n3,,1,1\n4,,1,1\n",
            "1 unit with several rows, 1 unit in two variants, 1 row without a unit, 2 rows without",
        ),
        ("1,a,1,1\n1,a,1,1\n2,b,1,1\n", "every unit of 'a' was excluded: 1 unit with several rows"),
        (",a,1,1\n,b,1,1\n", "every unit was excluded: 2 rows without a unit"),
    ],
)
def test_where_exclusions_leave_nothing_to_compare_they_are_the_reason(
    tmp_path: Path, rows: str, words: str
) -> None:
    assert "FILE: every unit" in (said := refused(write(tmp_path, HEADER + rows), *ASK, *WON))
    assert words in said


def test_a_broken_parquet_file_shows_nothing_of_the_query(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pa.table({"who": range(1_000), "arm": ["a", "b"] * 500, "won": [1.0, 0.0] * 500})
    pq.write_table(table, path)
    whole = path.read_bytes()
    broken = (
        b"",
        b"PAR1 nonsense PAR1",
        whole[:-20],
        whole[-2_000:],
        whole[:100] + b"\xff" * 400 + whole[500:],
    )

    for content in broken:
        path.write_bytes(content)
        said = refused(path, *ASK, *WON)

        assert "FILE: data.parquet cannot be read" in said
        for word in ("SELECT", "LINE 1", "READ_PARQUET", "VIEW"):
            assert word not in said


@pytest.mark.parametrize(
    ("cell", "metric", "hint"),
    [
        ("no", WON, "looks like yes and no; write 1 and 0"),
        ("Y", WON, "looks like y and n; write 1 and 0"),
        ('"0,5"', SPENT, "looks like decimal commas; write 0.5"),
        ('"-12,25"', SPENT, "looks like decimal commas; write 0.5"),
        ('"1,234.5"', SPENT, "looks like thousands separators or a decimal comma; write 1234.5"),
        ('"1.234,5"', SPENT, "looks like thousands separators or a decimal comma; write 1234.5"),
        ("5 %", SPENT, "looks like percentages; write 0.05 for 5 %"),
        ("$5", SPENT, "looks like amounts of money; write the bare number"),
    ],
)
def test_a_value_that_is_no_number_comes_with_the_likely_fix(
    tmp_path: Path, cell: str, metric: list[str], hint: str
) -> None:
    text = HEADER + ROWS.replace("FALSE,6.5", f"{cell},{cell}").replace("2,a,", '"2",a,')

    assert f"; {hint}; a " in refused(write(tmp_path, text), *ASK, *metric)


def test_a_value_that_looks_like_nothing_comes_without_a_guess(tmp_path: Path) -> None:
    said = refused(write(tmp_path, HEADER + ROWS.replace("6.5", "lots")), *ASK, *SPENT)

    assert "(1 row); a mean needs a number" in said


@pytest.mark.parametrize(
    ("other", "difference"), [("a ", "spaces"), (" a", "spaces"), ("A", "case"), ("A ", "case and spaces")]
)
def test_variants_that_are_probably_one_are_refused(tmp_path: Path, other: str, difference: str) -> None:
    one_row_is_odd = HEADER + ROWS.replace("2,a,", f"2,{other},")
    first, second = sorted((other, "a"))

    said = run(write(tmp_path, one_row_is_odd), *ASK, *WON).stderr

    assert f"--variant: variants {first!r} and {second!r} differ only by {difference}" in said


def test_a_control_in_other_letters_is_pointed_out(tmp_path: Path) -> None:
    said = refused(write(tmp_path, HEADER + ROWS.replace(",a,", ",A,")), *ASK, *WON)

    assert "--control: there is no variant 'a'; the file has A, b; did you mean 'A'?" in said


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "no.csv", *ASK, *WON)
    assert "is a directory" in refused(tmp_path, *ASK, *WON)


def test_a_column_of_dates_is_no_metric(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"who": [1, 2], "arm": ["a", "b"], "won": [date(2026, 1, 1)] * 2}), path)

    assert "column 'won' holds date" in refused(path, *ASK, *WON)


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    target = folder / "x" / "report.html"

    assert "--html" in refused(write(tmp_path, HEADER + ROWS), *ASK, *WON, "--html", str(target))


def test_nothing_but_the_file_is_read_and_nothing_written(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ROWS)
    path.chmod(stat.S_IRUSR)

    report(path, *ASK, *WON)

    assert [entry.name for entry in tmp_path.iterdir()] == ["data.csv"]
