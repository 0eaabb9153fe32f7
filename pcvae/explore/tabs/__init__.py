"""Groups of controls: what stands behind each tab of the panel."""
