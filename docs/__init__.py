"""The documentation: pages, and what makes a site, pictures and notebooks of the examples.

python -m docs                                  (runs changed examples, builds the site)
python -m docs run [NAME...]                    (runs examples; keeps output and figures)
python -m docs build [--site=build/site]        (builds the site from what was run)
python -m docs notebooks [NAME...] [--output=build/notebooks] [--execute]

Needs `pip install -e ".[docs]"`. Nothing here uses the network.
"""
