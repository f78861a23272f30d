"""What the README's table of features says of the peers, asked of those that are installed."""

import features
import pytest

pytest.importorskip("torch")
pytest.importorskip("pykeen")

pytestmark = pytest.mark.filterwarnings("ignore")
CLAIMS = {"pykeen": features.pykeen_probes(), "torch": features.torch_probes()}


@pytest.mark.parametrize(
    ("peer", "feature"), [(peer, f) for peer in CLAIMS for f in features.FEATURES if getattr(f, peer) is not None]
)
def test_the_peer_is_as_the_table_says(peer, feature):
    assert features.outcome(CLAIMS[peer][feature.probe]) == getattr(feature, peer)
