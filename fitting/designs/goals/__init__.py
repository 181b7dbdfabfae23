"""What may be asked of a device, and what may be changed in it?"""
