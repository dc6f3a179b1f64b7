"""Flags as code: a whole project as one document that people keep in their repository, and back.

``document`` is its shape, ``exporting`` and ``reading`` the two ways between it and our views and drafts,
``yaml_text`` the text, ``applying`` what the service is asked to do, ``planning`` what that changes.
"""
