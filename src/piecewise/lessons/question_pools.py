"""The pools of questions that a check can name, about the learner's own drawings and nets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import feature_questions as features
from . import learning_questions as learning
from . import map_questions as maps
from . import order_questions as orders
from . import swap_questions as swaps
from .learner import Learner
from .question_parts import Pool

POOLS: Mapping[str, Callable[[Learner], Pool]] = {
    pool.__name__: pool
    for pool in (
        maps.shared_ink, maps.equal_pixels, features.agreeing_pixels, features.patch_agreement,
        maps.cell_sum, features.best_flip, maps.map_rows, maps.kernel_weights, maps.pooled_value,
        maps.pooled_rows, maps.zeros_in_row, maps.relu_then_pool, maps.layer_rows, maps.field_rows,
        learning.one_vote, learning.muted_score, learning.error_sum, learning.voting_gradient,
        learning.nudged_gradient, learning.next_weight, learning.full_weights,
        learning.changed_net, orders.neighbors_kept, orders.deciding_intervals,
        orders.word_positions, swaps.sure_mistakes, swaps.answer_threshold,
    )
}  # fmt: skip
"""By name; a check names one of them."""
