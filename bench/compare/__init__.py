"""Gateways side by side: direct, nginx, hybridgw, and rivals where they install.

All in one run on one machine behind the same load in front of the same upstream, because only ratios
survive a change of machine. What is compared is processor time per request first, and speed second:
on a small shared machine throughput says as much about the load generator as about the gateway.
Rivals run with the configuration that their documentation gives for production, pinned, and with
the same duties where they have them (a key to check); see bench/BIAS.md for what that cannot settle.

    gateways   how each is configured and started     wrk       the closed-loop hammer and its script
    measure    one figure each                        run       order, repetition, time limits
    targets    what the figures are held against
"""
