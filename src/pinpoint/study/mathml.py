"""Sphinx extension: formulas become MathML when the book is built, so that a page needs no script from elsewhere.

docutils translates; a formula it cannot translate is a warning that names it, and its source is shown instead.
"""

import re
from html import escape
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

NAME = "mathml"
SHORTHAND = re.compile(r"\\[td]?frac\s*\d")
logger = logging.getLogger(__name__)


def to_mathml(tex: str, node: nodes.Node | None = None, *, block: bool = False) -> str:
    """LaTeX as a `<math>` element that carries its source as accessible text."""
    if SHORTHAND.search(tex):  # docutils would take the digits together for the numerator
        logger.warning("formula %r: write \\frac{1}{2}, with braces", tex, location=node)
    try:
        element = str(tex2mathml(tex.strip(), as_block=block))
    except (MathError, SyntaxError) as error:
        logger.warning("formula %r: %s", tex, " ".join(str(error).split()), location=node)
        return f"<code>{escape(tex)}</code>"
    return element.replace("<math ", f'<math alttext="{escape(" ".join(tex.split()))}" ', 1)


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(f'<span class="math">{to_mathml(node.astext(), node)}</span>')
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math math-block"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({escape(str(get_node_equation_number(translator, node)))})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(to_mathml(node.astext(), node, block=True) + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer; `html_math_renderer: mathml` chooses it."""
    app.add_html_math_renderer(NAME, inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
