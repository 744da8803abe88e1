"""Contrasts of the stage noise as rows and sentences."""

from signal_perception.report.findings import contrasts
from tests.support.noise_tables import contrasts_table

TABLES = {"swin": contrasts_table("swin")}


def test_the_sentences_are_those_of_significant_contrasts_of_top_1() -> None:
    parts, thirds = contrasts.findings(TABLES)
    assert (parts.model, parts.grid, parts.compared) == ("Swin", "Figure 2", 1)
    assert parts.sentences == ("Top-1: spatial_attn.v loses more than spatial_attn.q",)
    assert (thirds.grid, thirds.sentences, thirds.compared) == ("Figure 3", (), 2)


def test_tables_read_back_from_a_file_have_no_weaker_panel_where_none_is() -> None:
    read = contrasts_table("swin").assign(weaker=["spatial_attn.v"] * 2 + [float("nan")] * 4)
    assert contrasts.findings({"swin": read}) == contrasts.findings(TABLES)
    assert contrasts.contrasts({"swin": read}, 1) == contrasts.contrasts(TABLES, 1)


def test_rows_name_panels_for_readers() -> None:
    v_q, thirds, _ = contrasts.contrasts(TABLES, 5)
    assert (v_q.grid, v_q.first, v_q.second, v_q.weaker) == ("Figure 2", "W_V", "W_Q", "W_V")
    assert (v_q.difference, v_q.low, v_q.high) == (-4, -6, -2)
    assert v_q.kappas == (0.5, 0.25)
    assert (thirds.first, thirds.second, thirds.weaker) == ("front third", "middle third", "")
    worst = contrasts.contrasts({"swin": contrasts_table().assign(kind="gradient")}, 1)
    assert (v_q.kind, worst[0].kind) == ("", "worst case")
