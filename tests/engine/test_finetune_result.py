"""What a fine-tuning gives: cases before and after, cards, files."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_medseg.commands.finetune import summary
from napari_medseg.engine.checkpoint import read_card
from napari_medseg.engine.finetune_choice import sweep_rows
from napari_medseg.engine.finetune_config import FineTuneConfig
from napari_medseg.engine.finetune_result import CaseResult, FineTuned
from napari_medseg.engine.finetune_scores import ClassScore
from napari_medseg.engine.patches import Example
from napari_medseg.engine.replay import Replay, extended

ALPHAS = (0.0, 0.5, 1.0)


def scored(dice):
    return (ClassScore(1, "one", dice, 3.0), ClassScore(4, "four", dice / 2, 5.0))


@pytest.fixture
def tuned(small_model):
    """Make a result: ``tuned(gains, held_out)``; a case for each gain at alpha 1, half at 0.5."""

    def make(gains, held_out=True, guards=True, alpha=1.0):
        model = small_model(sha256="abc")
        old = {k: v.clone() for k, v in model.network.state_dict().items()}
        new = {k: v + 1 if v.is_floating_point() else v for k, v in old.items()}
        cases = tuple(
            CaseResult(f"c{i}", held_out, {a: scored(0.4 + a * g) for a in ALPHAS}, 10, 100, f"{i}")
            for i, g in enumerate(gains)
        )
        kept = {a: [scored(0.8 - 0.02 * a)] for a in ALPHAS}
        rows = sweep_rows(
            {a: [c.by_alpha[a] for c in cases] for a in ALPHAS}, kept if guards else {}
        )
        return FineTuned(
            card=model.card,
            old=old,
            new=new,
            teacher=model,
            alpha=alpha,
            sweep=rows,
            cases=cases,
            guards=(CaseResult("guard 1", True, {a: kept[a][0] for a in ALPHAS}),),
            trained="head",
            steps=4,
            seconds=90.0,
            curves=(),
            notes=("a note",),
            config=FineTuneConfig(),
        )

    return make


def test_the_gain_is_the_mean_over_cases_with_an_interval_from_six_on(tuned):
    few, many = tuned([0.2, 0.4]), tuned([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    assert few.gain().mean == pytest.approx(0.3 * 0.75)  # the second class gains half
    assert few.gain().interval is None
    assert few.gain(0.5).mean == pytest.approx(0.15 * 0.75)
    low, high = many.gain().interval
    assert low < many.gain().mean < high
    assert (few.edited_voxels, few.minutes) == (20, 1.5)


def test_the_row_of_a_mix_is_that_of_the_nearest_one_measured(tuned):
    result = tuned([0.2], alpha=0.5)
    assert result.row().alpha == 0.5
    assert result.row(0.9).alpha == 1.0


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_slider_gives_a_model_of_its_own_with_weights_on_the_line(tuned, alpha):
    result = tuned([0.2])
    network = result.segmenter_at(alpha).network
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, result.old[key] + alpha)
    with torch.no_grad():
        network.head.weight.zero_()
    again = result.segmenter_at(alpha).network.head.weight
    assert again.abs().max() > 0
    assert torch.equal(result.teacher.network.head.weight, result.old["head.weight"])


def test_the_card_has_scores_of_cases_that_were_held_out_and_of_no_others(tuned):
    card = tuned([0.2, 0.4]).card_at(1.0)
    assert card.scores == {"held-out Dice, one": 0.7, "held-out Dice, four": 0.35}
    assert card.split == "2 of 2 corrected cases, each held out"
    assert card.parent == "abc"
    entry = card.history[-1]
    assert (entry["alpha"], entry["trained"], entry["minutes"]) == (1.0, "head", 1.5)
    assert entry["cases"][0] == {"sha256": "0", "edited": 10, "reviewed": 100}
    assert tuned([0.2], held_out=False).card_at(1.0).scores == {}
    assert tuned([0.2]).card_at(0.3).scores == {}  # between two measured mixes


@pytest.mark.parametrize(
    ("name", "title", "new", "said"),
    [
        ("liver", "Liver in CT", "liver-2", "liver-2 (Liver in CT)"),
        ("liver-2", "liver-2 (Liver in CT)", "liver-3", "liver-3 (Liver in CT)"),
        ("liver", "Liver (CT)", "mine", "mine (Liver (CT))"),
        ("liver", "", "liver-2", ""),
    ],
)
def test_a_saved_model_is_told_by_its_title_from_the_one_it_was(
    tuned, tmp_path, name, title, new, said
):
    result = tuned([0.2])
    result = replace(result, card=result.card.replace(name=name, title=title))
    card = read_card(result.save(tmp_path / f"{new}.safetensors"))
    assert (card.name, card.title) == (new, said)


def test_the_summary_of_the_command_line_says_all_of_it(tuned):
    text = summary(tuned([0.2] * 6))
    for words in ("* 1 ", "+0.0150", "c0 (held out): one Dice 0.400 -> 0.600", "95 % interval"):
        assert words in text
    assert text.endswith("note: a note\n1.5 minutes, 60 edited voxels")
    bare = summary(tuned([0.2], held_out=False, guards=False))
    assert "c0 (learnt from)" in bare
    assert "interval" not in bare


def test_a_new_replay_keeps_most_of_the_old_one_and_its_guards():
    guard = (torch.ones(1, 8, 8), torch.zeros(8, 8, dtype=torch.int32))
    full = Replay(torch.zeros(64, 1, 8, 8), torch.zeros(64, 8, 8, dtype=torch.int32), (guard,), "x")
    places = np.zeros((0, 2), np.int32)
    examples = [
        Example(f"e{i}", torch.ones(1, 8, 8), np.ones((8, 8), np.uint8), places) for i in range(4)
    ]
    more = extended(full, examples, (8, 8), seed=0)
    assert len(more.images) == len(more.labels) == 64
    assert int(more.images.mean((1, 2, 3)).sum()) == 16
    assert int(more.labels.float().mean((1, 2)).sum()) == 16
    assert more.guards == (guard,)
    first = extended(None, examples[:1], (8, 8), seed=0)
    assert (len(first.images), first.guards) == (8, ())
