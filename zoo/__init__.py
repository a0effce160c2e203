"""The zoo: pretrained models whose numbers anyone can recompute, and the recipes that made them.

```python
import zoo

zoo.list("*.mnist*")
model = zoo.load("convnet_2c2f.mnist")     # SHA-256 checked, frozen, ready
model.certify(images)
```

`python -m zoo` does the same from a terminal.
"""

from zoo._auditing import audit
from zoo._board import leaderboard
from zoo._cards import Card
from zoo._checking import evaluate, verify
from zoo._loading import load
from zoo._registry import card
from zoo._registry import names as list  # noqa: A004
from zoo._store import fetch

__all__ = ["Card", "audit", "card", "evaluate", "fetch", "leaderboard", "list", "load", "verify"]
