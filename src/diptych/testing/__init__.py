"""What plug-ins and users import to test their own parts against Diptych's contracts."""
