"""Figures, and how they are shown.

``figures``  percentiles and medians
``report``   what is measured beside what is promised
``ratios``   this tree beside a commit's
``picture``  the bars, as SVG
"""
