"""How rooms and products should be set up against how they are: what differs, what to call, what clashes.

All of it is pure. What the file does not speak of is the cloud's own: it is neither compared nor lost.
"""

from livecue.setups.checks import problems_of, product_problems
from livecue.setups.diff import Change, changes, merged
from livecue.setups.export import exported
from livecue.setups.groups import the_group
from livecue.setups.plan import Action, SetupError, Step, plan_step
from livecue.setups.products import ExportedProducts, exported_products, without_product_ids
from livecue.setups.quiet import as_pack
from livecue.setups.twice import Twice, answered_twice, cloud_rules

__all__ = [
    "Action",
    "Change",
    "ExportedProducts",
    "SetupError",
    "Step",
    "Twice",
    "answered_twice",
    "as_pack",
    "changes",
    "cloud_rules",
    "exported",
    "exported_products",
    "merged",
    "plan_step",
    "problems_of",
    "product_problems",
    "the_group",
    "without_product_ids",
]
