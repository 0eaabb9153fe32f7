"""Groups of controls, behind the tabs of the panel: each tab's are in the file of its title."""
