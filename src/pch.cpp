// Anchors the precompiled header; holds nothing.
