"""hybridgw: one endpoint in front of local models, a private cluster and frontier clouds."""

__version__ = "0.1.0"
